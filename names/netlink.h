// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/net_types.h"
#include "base/result.h"

// The kernel's answers about networks and neighbours (rtnetlink(7)), as bytes.
// Numbers are in the machine's order. It is the kernel that speaks, yet all
// that it says is checked like anybody's. Pure.
namespace ginnel::netlink {

struct Message {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  Bytes body;
};

// The messages of one datagram in order. Ends at the first that is malformed.
class Messages {
 public:
  explicit Messages(Bytes datagram) : rest_(datagram) {}
  std::optional<Message> next();

 private:
  Bytes rest_;
};

struct Attribute {
  std::uint16_t type = 0;
  Bytes value;
};

// What follows a message's fixed part. Ends as Messages does.
class Attributes {
 public:
  explicit Attributes(Bytes bytes) : rest_(bytes) {}
  std::optional<Attribute> next();

 private:
  Bytes rest_;
};

// How far a dump, a list that the kernel was asked for, has come.
struct DumpProgress {
  bool done = false;
  // Something changed meanwhile, and some of it may be missing or twice.
  bool interrupted = false;
};

// Calls `each` for the messages of `datagram` that belong to the dump asked for
// as `sequence`. An error when the kernel refuses; that there is no such table
// is an empty list.
Result<DumpProgress> read_dump(Bytes datagram, std::uint32_t sequence,
                               const std::function<void(const Message&)>& each);

// Asks for the unicast routes of the main table. A kernel before 4.20 ignores
// the filter and lists more.
std::vector<std::byte> route_request(Family family, std::uint32_t sequence);

// The network that a route leads to. Nothing for a message that is no route of
// the main table which carries packets on to others, and for the networks that
// mean something else on each machine: default, loopback, link-local, multicast
// and unspecified ones.
std::optional<Prefix> parse_route(const Message& message);

// Asks for the neighbour table (ARP, NDP).
std::vector<std::byte> neighbour_request(Family family, std::uint32_t sequence);

struct Neighbour {
  IpAddress address;
  int interface = 0;  // its index
  bool operator==(const Neighbour&) const = default;
};
// A host that answers, or did lately, at a unicast address.
std::optional<Neighbour> parse_neighbour(const Message& message);

}  // namespace ginnel::netlink
