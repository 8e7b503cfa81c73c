// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/net_types.h"
#include "base/result.h"
#include "firewall/wire.h"

// From rules that overlap to addresses and ports that do not.
//
// Of the rules that match a connection one counts: that with the narrowest
// port range, then with the longest prefix, then an exclude before an include.
// (It is sshuttle's order, so that its users' commands mean the same here.) A
// connection that no rule matches is not captured.
//
// The kernel could be given the rules one by one in that order; then each new
// connection would walk through 20 000 of them. Instead everything is
// flattened first: each address belongs to at most one shape, and a shape is a
// set of ports with all the addresses for which exactly these are captured.
// Most plans have one to three shapes, whatever the number of prefixes.
namespace ginnel::firewall {

struct AddressInterval {
  IpAddress first;
  IpAddress last;  // included; of the same family, not before first
  auto operator<=>(const AddressInterval&) const = default;
};

// In ascending order, none touching the next.
using PortRanges = std::vector<PortRange>;

struct Shape {
  PortRanges ports;
  // In ascending order, none touching the next of the same shape.
  std::vector<AddressInterval> ipv4;
  std::vector<AddressInterval> ipv6;

  const std::vector<AddressInterval>& addresses(Family family) const {
    return family == Family::kIpv4 ? ipv4 : ipv6;
  }
};

// Each shape becomes a rule a chain, which a connection may have to pass.
inline constexpr std::size_t kMaxShapes = 1024;

// What is captured, in ascending order of ports. An error for rules whose
// overlaps make more than kMaxShapes, or are out of all proportion to compute:
// time is some 20 ns for each address interval and rule over it, and is cut
// off at about a second, since it is spent as root on a client's behalf.
Result<std::vector<Shape>> flatten(std::span<const Rule> rules);

bool is_captured(std::span<const Shape> shapes, const Endpoint& destination);
// On whatever port.
bool is_captured(std::span<const Shape> shapes, const IpAddress& address);

}  // namespace ginnel::firewall
