// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/net_types.h"
#include "base/result.h"

// What the bytes of a stream to one of the helper's own services mean
// (mux::Service). Numbers are big-endian. Pure.
//
//   kLookUp     one look-up a stream
//     to the helper    u8 flags (1: over TCP), u8 count, count servers
//                      (endpoint), u16 length, the DNS query; FIN
//     to the client    u16 length, the DNS answer; FIN. Nothing before FIN:
//                      no server has answered. A reset: too many at once
//   kAddresses  one name a stream
//     to the helper    u8 length, name; FIN
//     to the client    u8 status (0 found, 1 there is no such name, 2 no
//                      answer), u32 seconds that this holds, u16 count, count
//                      addresses; FIN
//   kRoutes     one stream as long as the session
//     to the helper    nothing
//     to the client    records: u8 what (1 added, 2 removed: prefix follows;
//                      3: the list is complete), prefix
//   kNames      one stream as long as the session
//     to the helper    u16 count, count seeds (u8 length, name)
//     to the client    records: u8 what (1 found, 2 gone), u8 source, address,
//                      u8 length, name
//
//   address   u8 family (4 or 6), 4 or 16 bytes
//   endpoint  address, u16 port
//   prefix    address, u8 length; host bits are zero
//
// Both ends check every byte and every bound: neither trusts the other.
namespace ginnel::names {

// Of a DNS message: its length has 16 bits (RFC 1035 section 4.2.2).
inline constexpr std::size_t kMaxDnsMessage = 65535;
// Of a query: a name has 255 bytes at most, EDNS options are short, and what
// is asked at once is held in several places.
inline constexpr std::size_t kMaxDnsQuery = 4096;
inline constexpr std::size_t kMaxServers = 8;
inline constexpr std::size_t kMaxAddresses = 64;
inline constexpr std::size_t kMaxSeeds = 1024;
// Of a host name in text form (RFC 1035 section 2.3.4).
inline constexpr std::size_t kMaxName = 253;
// What the helper tells of at most, and the client remembers.
inline constexpr std::size_t kMaxRoutes = 4096;
inline constexpr std::size_t kMaxFoundNames = 4096;

struct LookUp {
  bool over_tcp = false;
  // To ask in this order; none: those that the far end's resolv.conf names.
  std::vector<Endpoint> servers;
  std::vector<std::byte> query;
  bool operator==(const LookUp&) const = default;
};
// REQUIRES: within the bounds above.
std::vector<std::byte> encode(const LookUp& look_up);

// An answer with its length in front.
std::vector<std::byte> encode_message(Bytes dns_message);

// Of kAddresses.
struct Addresses {
  enum class Status : std::uint8_t { kFound = 0, kNoName = 1, kNoAnswer = 2 };
  Status status = Status::kNoAnswer;
  std::chrono::seconds lasts{};
  std::vector<IpAddress> addresses;
  bool operator==(const Addresses&) const = default;
};
std::vector<std::byte> encode(const Addresses& addresses);
// REQUIRES: 1 to kMaxName characters.
std::vector<std::byte> encode_name(const std::string& name);

struct RouteRecord {
  enum class What : std::uint8_t { kAdded = 1, kRemoved = 2, kComplete = 3 };
  What what = What::kComplete;
  Prefix prefix;  // not of kComplete
  bool operator==(const RouteRecord&) const = default;
};
std::vector<std::byte> encode(const RouteRecord& record);

// Where a name was found; what a user is told.
enum class Source : std::uint8_t {
  kHostsFile = 1,
  kResolver = 2,
  kNetBios = 3,
  kMulticastDns = 4,
};
std::string_view to_string(Source source);

struct NameRecord {
  bool gone = false;
  Source source = Source::kHostsFile;
  IpAddress address;
  std::string name;  // RFC 1123, lower case
  bool operator==(const NameRecord&) const = default;
};
std::vector<std::byte> encode(const NameRecord& record);

struct Seeds {
  std::vector<std::string> names;
  bool operator==(const Seeds&) const = default;
};
std::vector<std::byte> encode(const Seeds& seeds);

// Cuts what arrives into values of one kind. Holds one unfinished value.
template <typename Value>
class Reader {
 public:
  void feed(Bytes bytes) {
    held_.erase(held_.begin(),
                held_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    held_.insert(held_.end(), bytes.begin(), bytes.end());
  }
  // The next whole value; nothing when more bytes are needed. After an error
  // the stream is beyond repair.
  Result<std::optional<Value>> next();
  // Nothing is held back: the stream may end here.
  bool empty() const { return taken_ == held_.size(); }

 private:
  std::vector<std::byte> held_;
  std::size_t taken_ = 0;  // of its front
};

using LookUpReader = Reader<LookUp>;
// A DNS message behind its length.
struct Message {
  std::vector<std::byte> bytes;
};
using MessageReader = Reader<Message>;
using AddressesReader = Reader<Addresses>;
using RouteReader = Reader<RouteRecord>;
using NameReader = Reader<NameRecord>;
using SeedsReader = Reader<Seeds>;
// A name of kAddresses.
struct Name {
  std::string text;
};
using NameRequestReader = Reader<Name>;

}  // namespace ginnel::names
