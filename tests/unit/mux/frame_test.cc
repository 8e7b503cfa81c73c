// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/frame.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace ginnel::mux {
namespace {

std::vector<std::byte> frame(FrameType type, StreamId stream, Position position,
                             std::string_view payload) {
  Header header;
  header.type = type;
  header.stream = stream;
  header.position = position;
  header.length = static_cast<std::uint16_t>(payload.size());
  std::vector<std::byte> bytes(kHeaderSize);
  encode(header, bytes.data());
  Bytes text = as_bytes(payload);
  bytes.insert(bytes.end(), text.begin(), text.end());
  return bytes;
}

std::vector<std::byte> operator+(std::vector<std::byte> a,
                                 const std::vector<std::byte>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Every frame in `bytes`, a line each, fed in runs of at most `run` bytes.
std::string read_all(Bytes bytes, std::size_t run) {
  FrameReader reader;
  std::string text;
  while (!bytes.empty()) {
    Bytes piece = bytes.first(std::min(run, bytes.size()));
    bytes = bytes.subspan(piece.size());
    reader.feed(piece);
    for (;;) {
      auto next = reader.next();
      if (!next) return text + "error: " + next.error().message();
      if (!*next) break;
      const auto& [header, payload] = **next;
      text += concat(to_string(header.type), " ", header.stream, " @",
                     header.position, " ", as_text(payload), "\n");
    }
  }
  return text;
}

TEST_CASE("frame: the header is the sixteen bytes of PROTOCOL.md") {
  auto bytes = frame(FrameType::kData, 0x01020304, 0x1122334455667788, "hi");
  const unsigned char expected[] = {19,   0,    0,    2,    1,    2,
                                    3,    4,    0x11, 0x22, 0x33, 0x44,
                                    0x55, 0x66, 0x77, 0x88, 'h',  'i'};
  REQUIRE(bytes.size() == sizeof expected);
  CHECK(std::equal(bytes.begin(), bytes.end(),
                   reinterpret_cast<const std::byte*>(expected)));
}

TEST_CASE("frame: a stream of frames reads the same however it is cut") {
  auto bytes = frame(FrameType::kOpen, 1, 0, "abc") +
               frame(FrameType::kAck, 0, 77, "") +
               frame(FrameType::kData, 1, 19, std::string(100, 'x')) +
               frame(FrameType::kFin, 1, 135, "");
  std::string whole = read_all(bytes, bytes.size());
  CHECK(whole == "OPEN 1 @0 abc\nACK 0 @77 \nDATA 1 @19 " +
                     std::string(100, 'x') + "\nFIN 1 @135 \n");
  for (std::size_t run = 1; run < bytes.size(); ++run) {
    CAPTURE(run);
    CHECK(read_all(bytes, run) == whole);
  }
}

TEST_CASE("frame: a header that cannot be is an error") {
  auto bad = [](auto change) {
    auto bytes = frame(FrameType::kData, 5, 0, "");
    change(bytes);
    return !decode_header(bytes).has_value();
  };
  CHECK_FALSE(bad([](auto&) {}));
  CHECK(bad([](auto& b) { b[0] = std::byte{0}; }));  // no such type
  CHECK(bad([](auto& b) { b[0] = std::byte{255}; }));
  CHECK(bad([](auto& b) { b[1] = std::byte{1}; }));     // a flag
  CHECK(bad([](auto& b) { b[2] = std::byte{0x40}; }));  // 16384 bytes
  CHECK(bad([](auto& b) { b[7] = std::byte{0}; }));     // DATA of no stream
  CHECK(bad([](auto& b) { b[0] = std::byte{2}; }));     // ACK of a stream
}

TEST_CASE("frame: the longest payload passes, one byte more does not") {
  auto bytes = frame(FrameType::kData, 1, 0, std::string(kMaxPayload, 'y'));
  CHECK(read_all(bytes, 1000).size() > kMaxPayload);
  store_be<std::uint16_t>(bytes.data() + 2, kMaxPayload + 1);
  CHECK(read_all(bytes, 1000) == "error: malformed frame header");
}

TEST_CASE("frame: payloads decode to what was encoded, and to nothing else") {
  SUBCASE("OPEN") {
    for (const Target& target :
         {Target(Endpoint(*IpAddress::parse("192.0.2.7"), 8080)),
          Target(Endpoint(*IpAddress::parse("2001:db8::9"), 8080)),
          Target(Service::kLookUp), Target(Service::kAddresses)}) {
      Open open;
      open.target = target;
      open.credit = 262144;
      auto bytes = encode(open);
      auto decoded = decode_open(bytes);
      REQUIRE(decoded);
      CHECK(decoded->target == open.target);
      CHECK(decoded->credit == open.credit);
      for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        CHECK_FALSE(decode_open(Bytes(bytes).first(cut)));
      }
      bytes.push_back({});
      CHECK_FALSE(decode_open(bytes));
    }
  }
  SUBCASE("OPEN has only the services there are") {
    for (int value = 0; value < 256; ++value) {
      Open open;
      open.target = Target(Service::kLookUp);
      auto bytes = encode(open);
      bytes[0] = std::byte(value);
      CHECK(decode_open(bytes).has_value() == (value >= 0x80 && value <= 0x83));
    }
  }
  SUBCASE("REFUSED has only the reasons there are") {
    for (int value = 0; value < 256; ++value) {
      std::byte byte{static_cast<unsigned char>(value)};
      CHECK(decode_refused({&byte, 1}).has_value() ==
            (value >= 1 && value <= 5));
    }
  }
  SUBCASE("LOG is bounded") {
    ByteWriter writer;
    writer.u8(2);
    writer.text(std::string(kMaxLogText, 'z'));
    CHECK(decode_log(writer.view()));
    writer.u8('z');
    CHECK_FALSE(decode_log(writer.view()));
  }
}

}  // namespace
}  // namespace ginnel::mux
