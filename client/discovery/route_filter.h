// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "base/net_types.h"
#include "firewall/wire.h"

// Which of the networks that the far end has routes to are captured. The far
// end is not trusted to take over more than it was asked for. Pure.
namespace ginnel {

// Unless all are wanted.
inline constexpr std::size_t kMaxRoutesTaken = 256;
inline constexpr int kWidestPublicIpv4 = 16;
inline constexpr int kWidestPublicIpv6 = 32;

struct RouteLimits {
  // --auto-nets=all: also networks that are public and wide, and any number.
  bool all = false;
  bool ipv6 = true;
  // What the user named, whatever the ports.
  std::vector<Prefix> includes;
  // What the user excluded, of all ports. It holds against what the far end
  // tells: of the firewall's order alone, where the longest prefix counts, a
  // far end could take any part of it.
  std::vector<Prefix> excludes;
  // The networks that this machine is in. They, and parts of them, stay as they
  // are, or the printer beside it would be looked for at the far end; who wants
  // one captured names it.
  std::vector<Prefix> own;
};

enum class RouteVerdict {
  kCaptured,
  // A default route, whole or in the halves that VPNs make of it; loopback,
  // link-local, multicast or reserved addresses. Never captured.
  kNever,
  kIpv6,      // --disable-ipv6
  kExcluded,  // by the user
  kOwn,
  kWide,
  kTooMany,
};
// Why it is not captured, and what to do about it; empty where that goes
// without saying.
std::string_view why(RouteVerdict verdict);

bool is_within_any(const Prefix& inner, const std::vector<Prefix>& outer);
// Of `own` those that are to stay as they are: none of `includes` is a part of
// it, or it a part of one.
std::vector<Prefix> own_left_alone(const std::vector<Prefix>& own,
                                   const std::vector<Prefix>& includes);

using RouteVerdicts = std::map<Prefix, RouteVerdict>;
RouteVerdicts judge_routes(const std::set<Prefix>& routes,
                           const RouteLimits& limits);

// What to put to the firewall: the networks that are captured, and, as
// excludes, those of this machine's own that lie in one of them.
std::vector<firewall::Rule> route_rules(const RouteVerdicts& verdicts,
                                        const RouteLimits& limits);

}  // namespace ginnel
