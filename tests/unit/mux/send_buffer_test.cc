// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/send_buffer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "tests/fake/pattern.h"

namespace ginnel::mux {
namespace {

// Sends everything unsent and returns it.
std::vector<std::byte> send_all(SendBuffer& buffer) {
  std::vector<std::byte> bytes;
  for (Range run = buffer.take(); !run.empty(); run = buffer.take()) {
    Bytes some = buffer.bytes(run);
    bytes.insert(bytes.end(), some.begin(), some.end());
  }
  return bytes;
}

TEST_CASE("send buffer: frames carry their own positions") {
  SendBuffer buffer;
  buffer.append(FrameType::kFin, 7, {});
  fake::fill_pattern(buffer.reserve().first(10), 1, 0);
  buffer.commit(FrameType::kData, 7, 10);
  auto bytes = send_all(buffer);
  REQUIRE(bytes.size() == 16 + 26);
  CHECK(decode_header(bytes)->position == 0);
  auto second = decode_header(Bytes(bytes).subspan(16));
  CHECK(second->position == 16);
  CHECK(second->length == 10);
  CHECK(fake::is_pattern(Bytes(bytes).subspan(32), 1, 0));
}

TEST_CASE("send buffer: keeps what is not acknowledged, and no more") {
  SendBuffer buffer;
  std::mt19937 random(1);
  FrameReader reader;
  std::uint64_t made = 0, read = 0;
  for (int i = 0; i < 5000; ++i) {
    std::size_t length = random() % (kMaxPayload + 1);
    fake::fill_pattern(buffer.reserve().first(length), 3, made);
    buffer.commit(FrameType::kData, 1, length);
    made += length;
    Range run = buffer.take();
    Bytes bytes = buffer.bytes(run);
    std::vector<std::byte> copy(bytes.begin(), bytes.end());
    reader.feed(copy);
    for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
      CHECK(fake::is_pattern((*frame)->payload, 3, read));
      read += (*frame)->payload.size();
    }
    std::size_t in_flight = buffer.handed_out() - buffer.acked();
    REQUIRE(buffer.acknowledge(buffer.handed_out() - random() % (in_flight + 1),
                               buffer.end()));
    CHECK(buffer.size() == buffer.end() - buffer.acked());
  }
  auto rest = send_all(buffer);
  reader.feed(rest);
  for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
    CHECK(fake::is_pattern((*frame)->payload, 3, read));
    read += (*frame)->payload.size();
  }
  CHECK(read == made);
  CHECK(buffer.acknowledge(buffer.end(), buffer.end()));
  CHECK(buffer.size() == 0);
}

TEST_CASE("send buffer: an acknowledgement of what was never sent is refused") {
  SendBuffer buffer;
  buffer.append(FrameType::kFin, 1, {});
  CHECK_FALSE(buffer.acknowledge(1, buffer.end()));
  buffer.take();
  CHECK(buffer.acknowledge(16, buffer.end()));
  CHECK_FALSE(buffer.acknowledge(17, buffer.end()));
  CHECK(buffer.acknowledge(4, buffer.end()));  // late, and harmless
  CHECK(buffer.acked() == 16);
}

TEST_CASE(
    "send buffer: what was lost is handed out again, first things first") {
  SendBuffer buffer;
  std::vector<Range> runs;
  for (StreamId id = 1; id <= 4; ++id) {
    buffer.append(FrameType::kFin, id, {});
    runs.push_back(buffer.take());
  }
  buffer.append(FrameType::kFin, 5, {});
  buffer.send_again(runs[3]);
  buffer.send_again(runs[1]);
  buffer.send_again(runs[0]);
  CHECK(buffer.unsent() == 4 * kHeaderSize);
  CHECK(buffer.acknowledge(runs[0].end, buffer.end()));
  CHECK(buffer.take() == runs[1]);
  CHECK(buffer.take() == runs[3]);
  CHECK(decode_header(buffer.bytes(buffer.take()))->stream == 5);
  CHECK(buffer.take().empty());
  buffer.send_again(runs[0]);  // it has arrived all the same
  CHECK(buffer.unsent() == 0);
}

TEST_CASE(
    "send buffer: bytes that are being sent outlive their "
    "acknowledgement") {
  SendBuffer buffer;
  std::vector<Range> runs;
  for (int i = 0; i < 40; ++i) {
    fake::fill_pattern(buffer.reserve(), 1, 0);
    buffer.commit(FrameType::kData, 1, kMaxPayload);
    runs.push_back(buffer.take());
  }
  Bytes first = buffer.bytes(runs[0]);
  CHECK(buffer.acknowledge(runs[39].end, runs[0].begin));
  CHECK(buffer.size() == 0);
  CHECK(buffer.bytes(runs[0]).data() == first.data());
  CHECK(fake::is_pattern(first.subspan(kHeaderSize), 1, 0));
  CHECK(buffer.acknowledge(runs[39].end, buffer.end()));
}

}  // namespace
}  // namespace ginnel::mux
