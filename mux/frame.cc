// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/frame.h"

#include <algorithm>
#include <cassert>

namespace ginnel::mux {
namespace {

Error malformed(std::string_view what) {
  return Error(std::make_error_code(std::errc::bad_message),
               concat("malformed ", what));
}

// Types that concern one stream, and must name it; the others must not.
bool concerns_stream(FrameType type) {
  return type >= FrameType::kOpen && type <= FrameType::kRelease;
}

// Types whose header says everything.
bool is_bare(FrameType type) {
  return type == FrameType::kAck || type == FrameType::kPing ||
         type == FrameType::kPong || type == FrameType::kFin ||
         type == FrameType::kReset;
}

}  // namespace

bool is_own(Service service) {
  return service >= Service::kLookUp && service <= Service::kAddresses;
}

bool is_sequenced(FrameType type) { return type >= FrameType::kOpen; }

std::string_view to_string(FrameType type) {
  switch (type) {
    case FrameType::kHello:
      return "HELLO";
    case FrameType::kAck:
      return "ACK";
    case FrameType::kPing:
      return "PING";
    case FrameType::kPong:
      return "PONG";
    case FrameType::kGoodbye:
      return "GOODBYE";
    case FrameType::kKey:
      return "KEY";
    case FrameType::kAttachable:
      return "ATTACHABLE";
    case FrameType::kAttach:
      return "ATTACH";
    case FrameType::kChallenge:
      return "CHALLENGE";
    case FrameType::kProof:
      return "PROOF";
    case FrameType::kOpen:
      return "OPEN";
    case FrameType::kOpened:
      return "OPENED";
    case FrameType::kRefused:
      return "REFUSED";
    case FrameType::kData:
      return "DATA";
    case FrameType::kCredit:
      return "CREDIT";
    case FrameType::kFin:
      return "FIN";
    case FrameType::kReset:
      return "RESET";
    case FrameType::kRelease:
      return "RELEASE";
    case FrameType::kLog:
      return "LOG";
  }
  return {};
}

std::string_view to_string(Refusal reason) {
  switch (reason) {
    case Refusal::kRefused:
      return "connection refused";
    case Refusal::kUnreachable:
      return "unreachable";
    case Refusal::kTimeout:
      return "timed out";
    case Refusal::kDenied:
      return "not permitted";
    case Refusal::kResources:
      return "out of resources at the far end";
  }
  return {};
}

void encode(const Header& header, std::byte* at) {
  assert(header.length <= kMaxPayload);
  at[0] = static_cast<std::byte>(header.type);
  at[1] = std::byte{0};
  store_be(at + 2, header.length);
  store_be(at + 4, header.stream);
  store_be(at + 8, header.position);
}

Result<Header> decode_header(Bytes bytes) {
  ByteReader reader(bytes.first(kHeaderSize));
  Header header;
  header.type = static_cast<FrameType>(reader.u8());
  std::uint8_t flags = reader.u8();
  header.length = reader.u16();
  header.stream = reader.u32();
  header.position = reader.u64();
  if (to_string(header.type).empty() || flags != 0 ||
      header.length > kMaxPayload ||
      (is_bare(header.type) && header.length != 0) ||
      concerns_stream(header.type) != (header.stream != 0)) {
    return malformed("frame header");
  }
  return header;
}

std::vector<std::byte> encode(const Hello& hello) {
  ByteWriter writer;
  writer.u16(hello.version);
  return writer.take();
}

Result<Hello> decode_hello(Bytes payload) {
  // A later version may say more; what it says first stays its number.
  ByteReader reader(payload);
  Hello hello;
  hello.version = reader.u16();
  if (!reader.ok()) return malformed("HELLO");
  return hello;
}

std::vector<std::byte> encode(const Open& open) {
  const auto& [service, endpoint] = open.target;
  bool tcp = service == Service::kTcp;
  const IpAddress& address = endpoint.address;
  ByteWriter writer;
  writer.u8(static_cast<std::uint8_t>(service));
  writer.u8(tcp ? static_cast<std::uint8_t>(address.family()) : 0);
  writer.u16(endpoint.port);
  writer.u32(open.credit);
  if (tcp) {
    writer.bytes(std::as_bytes(std::span(address.data(), address.size())));
  }
  return writer.take();
}

Result<Open> decode_open(Bytes payload) {
  ByteReader reader(payload);
  auto service = static_cast<Service>(reader.u8());
  std::uint8_t family = reader.u8();
  std::uint16_t port = reader.u16();
  Open open;
  open.credit = reader.u32();
  if (is_own(service)) {
    if (!reader.complete() || family != 0 || port != 0) {
      return malformed("OPEN");
    }
    open.target = Target(service);
    return open;
  }
  bool v4 = family == static_cast<std::uint8_t>(Family::kIpv4);
  bool v6 = family == static_cast<std::uint8_t>(Family::kIpv6);
  if (service != Service::kTcp || (!v4 && !v6)) return malformed("OPEN");
  Bytes address = reader.bytes(v4 ? 4 : 16);
  if (!reader.complete()) return malformed("OPEN");
  open.target =
      Endpoint(IpAddress(v4 ? Family::kIpv4 : Family::kIpv6,
                         reinterpret_cast<const std::uint8_t*>(address.data())),
               port);
  return open;
}

Result<std::uint32_t> decode_opened(Bytes payload) {
  ByteReader reader(payload);
  std::uint32_t credit = reader.u32();
  if (!reader.complete()) return malformed("OPENED");
  return credit;
}

Result<Refusal> decode_refused(Bytes payload) {
  ByteReader reader(payload);
  auto reason = static_cast<Refusal>(reader.u8());
  if (!reader.complete() || to_string(reason).empty()) {
    return malformed("REFUSED");
  }
  return reason;
}

Result<std::uint64_t> decode_credit(Bytes payload) {
  ByteReader reader(payload);
  std::uint64_t offset = reader.u64();
  if (!reader.complete()) return malformed("CREDIT");
  return offset;
}

std::vector<std::byte> encode(const Release& release) {
  ByteWriter writer;
  writer.u64(release.known);
  writer.u64(release.offset);
  return writer.take();
}

Result<Release> decode_release(Bytes payload) {
  ByteReader reader(payload);
  Release release;
  release.known = reader.u64();
  release.offset = reader.u64();
  if (!reader.complete()) return malformed("RELEASE");
  return release;
}

Result<LogLine> decode_log(Bytes payload) {
  ByteReader reader(payload);
  LogLine line;
  line.level = static_cast<log::Level>(reader.u8());
  line.text = as_text(reader.rest());
  if (!reader.ok() || line.level > log::Level::kTrace ||
      line.text.size() > kMaxLogText) {
    return malformed("LOG");
  }
  return line;
}

void FrameReader::feed(Bytes bytes) {
  assert(input_.empty());
  if (carry_used_) {
    carry_.clear();
    carry_used_ = false;
  }
  input_ = bytes;
}

Result<std::optional<FrameReader::Frame>> FrameReader::next() {
  if (!carry_.empty() && !carry_used_) return next_from_carry();
  if (input_.size() >= kHeaderSize) {
    Result<Header> header = decode_header(input_);
    if (!header) return header.error();
    std::size_t size = kHeaderSize + header->length;
    if (input_.size() >= size) {
      Frame frame{*header, input_.subspan(kHeaderSize, header->length)};
      input_ = input_.subspan(size);
      return std::optional(frame);
    }
  }
  // carry_ may hold the frame returned before: its payload ends here.
  carry_.assign(input_.begin(), input_.end());
  carry_used_ = false;
  input_ = {};
  return std::optional<Frame>();
}

Result<std::optional<FrameReader::Frame>> FrameReader::next_from_carry() {
  auto fill_to = [this](std::size_t size) {
    if (carry_.size() >= size) return true;
    Bytes more = input_.first(std::min(size - carry_.size(), input_.size()));
    carry_.insert(carry_.end(), more.begin(), more.end());
    input_ = input_.subspan(more.size());
    return carry_.size() >= size;
  };
  if (!fill_to(kHeaderSize)) return std::optional<Frame>();
  Result<Header> header = decode_header(carry_);
  if (!header) return header.error();
  if (!fill_to(kHeaderSize + header->length)) return std::optional<Frame>();
  carry_used_ = true;
  return std::optional(
      Frame{*header, Bytes(carry_).subspan(kHeaderSize, header->length)});
}

}  // namespace ginnel::mux
