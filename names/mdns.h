// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/net_types.h"
#include "names/dns_message.h"

// What multicast DNS (RFC 6762) does with DNS messages: many questions in one,
// known answers behind them, and a bit of the class that says more. Pure.
namespace ginnel::mdns {

inline constexpr std::uint16_t kPort = 5353;
// Of a query: fits every link's packets.
inline constexpr std::size_t kMaxQuery = 1232;
// Of a message that is heard; the rest is passed over.
inline constexpr std::size_t kMaxRecords = 256;
// PTR of it names the types of service that there are (RFC 6763 section 9).
inline constexpr std::string_view kServiceTypes =
    "_services._dns-sd._udp.local";

// 224.0.0.251 or ff02::fb, with the port.
Endpoint group(Family family);

struct Question {
  std::string name;
  std::uint16_t type = 0;

  Question() = default;
  Question(std::string text, std::uint16_t which)
      : name(std::move(text)), type(which) {}
  auto operator<=>(const Question&) const = default;
};

// A PTR record.
struct Pointer {
  std::string name;
  std::string target;
  std::uint32_t ttl = 0;
};

// Builds a query that grows to kMaxQuery. All questions come before all known
// answers.
class QueryBuilder {
 public:
  explicit QueryBuilder(std::uint16_t id = 0);

  // False: there is no room, or the name cannot be in a message.
  bool ask(const Question& question);
  // An answer that nobody need repeat (section 7.1).
  bool know(const Pointer& pointer);
  bool empty() const { return questions_ == 0; }
  std::vector<std::byte> take();

 private:
  bool append(ByteWriter&& part, std::uint16_t& count);

  ByteWriter message_;
  std::uint16_t questions_ = 0;
  std::uint16_t answers_ = 0;
};

// As many of the questions as there is room for.
std::vector<std::byte> make_query(std::uint16_t id,
                                  std::span<const Question> questions);

// A record of Internet class that says something about hosts.
struct Record {
  std::string name;
  std::uint16_t type = 0;  // A, AAAA, PTR or SRV
  std::uint32_t ttl = 0;   // 0: it is no longer so
  bool flush = false;      // there are no others of that name and type
  IpAddress address;       // of A and AAAA
  std::string target;      // of PTR and SRV
};
// Of a response, in order; as much of a broken one as there is.
std::vector<Record> records(Bytes message);

}  // namespace ginnel::mdns
