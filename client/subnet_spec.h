// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/net_types.h"
#include "base/result.h"

namespace ginnel {

// One subnet argument, as typed; a name is not looked up yet.
struct SubnetSpec {
  std::string name;           // empty: `prefix` is meant
  Prefix prefix;              // REQUIRES: name.empty()
  std::optional<int> length;  // a name's /LENGTH
  PortRange ports;            // all() when none was given, or 0
  bool far = false;           // the name is looked up at the far end
  bool wildcard = false;      // and stands for every name below it
  // One sentence when the meaning is hardly the one intended ("10/8"), else
  // empty.
  std::string advice;
};

// Reads what sshuttle reads, with the same meaning:
//
//   192.0.2.1  10.0.0.0/8  10.0.0.0/8:443  10.0.0.0/8:8000-9000
//   2001:db8::/32  [2001:db8::/32]:443  web.example  web.example/24:80
//
// and names for the far end, with ports or without: far:web.example:443,
// far:*.web.example. Port 0 is every port,
// and inet_aton's short forms, where "10/8" is 0.0.0.10/8: kept, because
// sshuttle's commands must mean here what they mean there, and advised upon.
// A bad one is an Error that names it, what is wrong and what to write.
Result<SubnetSpec> parse_subnet(std::string_view text);

std::string to_string(const SubnetSpec& spec);

// Connections to capture (`include`) or to leave alone. Where rules overlap,
// the firewall's order decides, not the order they are given in.
struct SubnetRule {
  Prefix prefix;
  PortRange ports;
  bool include = true;

  auto operator<=>(const SubnetRule&) const = default;
};

// "10.0.0.0/8", "-[2001:db8::/32]:80-90"; '-' for an exclude.
std::string to_string(const SubnetRule& rule);

// All addresses of a host name, of both families, each once; never none.
using AddressLookup =
    std::function<Result<std::vector<IpAddress>>(const std::string& name)>;

// The rules `spec`, which is not `far`, stands for: one, or one an address of
// its name. IPv6 ones
// are left out unless `ipv6`. An Error when the name does not resolve, or
// resolves to both families and has a /LENGTH, which can fit only one.
Result<std::vector<SubnetRule>> resolve_subnet(const SubnetSpec& spec,
                                               bool include, bool ipv6,
                                               const AddressLookup& resolve);

}  // namespace ginnel
