// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/net_types.h"
#include "names/dns_name.h"

// What DNS messages say (RFC 1035, EDNS of RFC 6891), as far as ginnel must
// know: it hands messages on and does not resolve. Whatever is handed on keeps
// its letter case, its record types and its flags; these functions only look.
// They are given what strangers sent: nothing is trusted, and the work is
// bounded by the message's size. Pure.
namespace ginnel::dns {

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxMessage = 65535;
// What an asker without EDNS takes over UDP.
inline constexpr std::size_t kPlainUdpSize = 512;

// Numbers of record types that mean something here; others are passed on.
namespace type {
inline constexpr std::uint16_t kA = 1;
inline constexpr std::uint16_t kNs = 2;
inline constexpr std::uint16_t kCname = 5;
inline constexpr std::uint16_t kSoa = 6;
inline constexpr std::uint16_t kPtr = 12;
inline constexpr std::uint16_t kTxt = 16;
inline constexpr std::uint16_t kAaaa = 28;
inline constexpr std::uint16_t kSrv = 33;
inline constexpr std::uint16_t kOpt = 41;
inline constexpr std::uint16_t kIxfr = 251;
inline constexpr std::uint16_t kAxfr = 252;
inline constexpr std::uint16_t kAny = 255;
}  // namespace type

inline constexpr std::uint16_t kInternet = 1;  // the class

enum class Rcode : std::uint8_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNoName = 3,
  kNotImplemented = 4,
  kRefused = 5,
};

namespace flag {
inline constexpr std::uint16_t kAnswer = 0x8000;
inline constexpr std::uint16_t kOpcode = 0x7800;
inline constexpr std::uint16_t kAuthoritative = 0x0400;
inline constexpr std::uint16_t kTruncated = 0x0200;
inline constexpr std::uint16_t kRecursionDesired = 0x0100;
inline constexpr std::uint16_t kRecursionAvailable = 0x0080;
inline constexpr std::uint16_t kRcode = 0x000f;
}  // namespace flag

struct Header {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::uint16_t additionals = 0;

  bool is_answer() const { return flags & flag::kAnswer; }
  bool is_truncated() const { return flags & flag::kTruncated; }
  int opcode() const { return (flags & flag::kOpcode) >> 11; }
  Rcode rcode() const { return static_cast<Rcode>(flags & flag::kRcode); }
};
// Nothing when the message is shorter than a header.
std::optional<Header> read_header(Bytes message);

struct Question {
  std::string name;  // text of dns_name.h: lower case, comparable
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  // As it was sent: name, type and class in the message from the header's end.
  Bytes raw;
};
// The first question.
std::optional<Question> read_question(Bytes message);

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::uint32_t ttl = 0;
  std::size_t start = 0;   // offset of the record in the message
  std::size_t data = 0;    // offset of its data
  std::uint16_t size = 0;  // of its data, all of which is in the message
};

// The records of a message in order, one at a time. Ends at the first that is
// malformed.
class Records {
 public:
  enum class Section { kAnswer, kAuthority, kAdditional };

  explicit Records(Bytes message);

  // Nothing at the end, or where the message is broken.
  std::optional<Record> next();
  // Of what next() gave last.
  Section section() const { return section_; }
  // next() gave nothing because the message is broken.
  bool broken() const { return broken_; }

 private:
  Bytes message_;
  std::size_t offset_ = 0;
  std::size_t left_[3] = {};
  Section section_ = Section::kAnswer;
  bool broken_ = false;
};

// A question that a name server can be asked: not an answer, one question,
// well-formed so far. The records behind it are the server's to judge.
bool is_query(Bytes message);

// `answer` is one to `query`: the same id and question, letter case aside. (An
// error that a server says without repeating the question counts.)
bool matches(Bytes query, Bytes answer);

// How much the asker takes over UDP: what its OPT record says, at least 512.
std::size_t udp_size(Bytes query);

// What an answer says about the addresses of the name that was asked for, by
// way of CNAME records.
struct Addresses {
  std::vector<IpAddress> addresses;  // in the answer's order, none twice
  // For how long: the least of the records used. Without addresses what the
  // SOA record says (RFC 2308), 0 without one.
  std::chrono::seconds lasts{};
};
// At most `limit` addresses. None for a broken message.
Addresses addresses(Bytes answer, std::size_t limit = 64);

// The host that an answer to a PTR question names, in the text of dns_name.h.
std::optional<std::string> pointed_name(Bytes answer);

}  // namespace ginnel::dns
