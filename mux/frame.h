// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "base/net_types.h"
#include "base/result.h"

// Frames as bytes and back. PROTOCOL.md beside this file is the normative
// text; the numbers here are its numbers. Pure: no sockets, no clock.
namespace ginnel::mux {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using StreamId = std::uint32_t;
using Position = std::uint64_t;

inline constexpr std::uint16_t kProtocolVersion = 1;

inline constexpr std::size_t kHeaderSize = 16;
// A frame with its header. Two fill one SSH packet of 32 KiB and leave room for
// its own headers: a remainder of each pair would cost a packet of its own. At
// 65 Mbit/s one is 2 ms of the line.
inline constexpr std::size_t kMaxFrame = 16352;
inline constexpr std::size_t kMaxPayload = kMaxFrame - kHeaderSize;

enum class FrameType : std::uint8_t {
  // Outside the session sequence: lost with the link they were sent on.
  kHello = 1,
  kAck = 2,
  kPing = 3,
  kPong = 4,
  kGoodbye = 5,
  kKey = 6,
  kAttachable = 7,
  // Only while a link joins a session.
  kAttach = 8,
  kChallenge = 9,
  kProof = 10,
  // In the session sequence: acknowledged, and kept until then.
  kOpen = 16,
  kOpened = 17,
  kRefused = 18,
  kData = 19,
  kCredit = 20,
  kFin = 21,
  kReset = 22,
  kRelease = 23,
  kLog = 24,
};

bool is_sequenced(FrameType type);
std::string_view to_string(FrameType type);

struct Header {
  FrameType type{};
  std::uint16_t length = 0;  // of the payload, at most kMaxPayload
  StreamId stream = 0;       // 0: the session itself
  // Sequenced: where the frame's first byte stands in its direction's byte
  // stream. kAck: how many bytes of the other direction's have arrived.
  // kPing, kPong: a token. Otherwise 0.
  Position position = 0;
};

// REQUIRES: `at` has room for kHeaderSize bytes.
void encode(const Header& header, std::byte* at);
// REQUIRES: `bytes` holds kHeaderSize. An error for an unknown type, set
// flags, a length over the limit, or a stream id where none belongs.
Result<Header> decode_header(Bytes bytes);

// Why a connection could not be made at the far end.
enum class Refusal : std::uint8_t {
  kRefused = 1,      // ECONNREFUSED
  kUnreachable = 2,  // no route, or a router said so
  kTimeout = 3,      // nobody answered
  kDenied = 4,       // forbidden there (EACCES, EPERM)
  kResources = 5,    // out of descriptors or memory there
};
std::string_view to_string(Refusal reason);

// Payloads. Each decode is an error unless every byte is accounted for.

struct Hello {
  std::uint16_t version = kProtocolVersion;
};
std::vector<std::byte> encode(const Hello& hello);
Result<Hello> decode_hello(Bytes payload);

// What is at the far end of a stream.
enum class Service : std::uint8_t {
  kTcp = 6,  // a connection to an endpoint; IP's protocol number
  // The helper itself; what its bytes mean, names/messages.h says.
  kLookUp = 0x80,     // DNS messages to a name server
  kRoutes = 0x81,     // the networks that are reached from there
  kNames = 0x82,      // the hosts that are found there
  kAddresses = 0x83,  // those of a name, as a program there would see them
};
// Served by the helper itself.
bool is_own(Service service);

struct Target {
  Service service = Service::kTcp;
  Endpoint endpoint;  // of kTcp

  Target() = default;
  Target(const Endpoint& to) : endpoint(to) {}
  explicit Target(Service which) : service(which) {}
  bool operator==(const Target&) const = default;
};

// Open a stream to `target`; the opener may be sent `credit` bytes.
struct Open {
  Target target;
  std::uint32_t credit = 0;
};
std::vector<std::byte> encode(const Open& open);
Result<Open> decode_open(Bytes payload);

Result<std::uint32_t> decode_opened(Bytes payload);  // credit
Result<Refusal> decode_refused(Bytes payload);
Result<std::uint64_t> decode_credit(Bytes payload);  // offset

// An idle sender that knew of the limit `known` will not go beyond `offset`.
struct Release {
  std::uint64_t known = 0;
  std::uint64_t offset = 0;
};
std::vector<std::byte> encode(const Release& release);
Result<Release> decode_release(Bytes payload);

struct LogLine {
  log::Level level{};
  std::string_view text;  // into the payload
};
inline constexpr std::size_t kMaxLogText = 1024;
Result<LogLine> decode_log(Bytes payload);

// Cuts a byte stream into frames. Feed it what was read, then take frames
// until there is none; at most one unfinished frame is kept between feeds.
class FrameReader {
 public:
  struct Frame {
    Header header;
    Bytes payload;  // valid until the next call
  };

  // `bytes` stay valid until next() has returned nothing.
  // REQUIRES: the last next() returned nothing.
  void feed(Bytes bytes);
  // The next whole frame; nothing when more bytes are needed. After an error
  // the stream is beyond repair.
  Result<std::optional<Frame>> next();

 private:
  Result<std::optional<Frame>> next_from_carry();

  Bytes input_;
  std::vector<std::byte> carry_;  // the front of an unfinished frame
  bool carry_used_ = false;       // the last frame lies in carry_
};

}  // namespace ginnel::mux
