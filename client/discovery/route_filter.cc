// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/route_filter.h"

#include <algorithm>
#include <iterator>

#include "names/route_order.h"

namespace ginnel {
namespace {

struct Special {
  const char* first;
  int length;
};
// RFC 6890: "this" network, loopback, link-local, multicast, reserved.
constexpr Special kNever[] = {
    {"0.0.0.0", 8},     {"127.0.0.0", 8}, {"169.254.0.0", 16},
    {"224.0.0.0", 4},   {"240.0.0.0", 4}, {"::", 96},
    {"::ffff:0:0", 96}, {"fe80::", 10},   {"ff00::", 8},
};

// 0/1 and 128/1 stand for a default route where a VPN has not dared to change
// it; of IPv6 it is often 2000::/3.
constexpr int kDefaultIpv4 = 1;
constexpr int kDefaultIpv6 = 3;

bool is_within(const Prefix& inner, const Prefix& outer) {
  return inner.length() >= outer.length() && outer.contains(inner.first());
}

bool is_never_taken(const Prefix& route) {
  int length = route.family() == Family::kIpv4 ? kDefaultIpv4 : kDefaultIpv6;
  if (route.length() <= length) return true;
  return std::any_of(
      std::begin(kNever), std::end(kNever), [&](const Special& special) {
        return is_within(
            route, Prefix(*IpAddress::parse(special.first), special.length));
      });
}

bool is_wide(const Prefix& route) {
  int widest =
      route.family() == Family::kIpv4 ? kWidestPublicIpv4 : kWidestPublicIpv6;
  return !is_private(route) && route.length() < widest;
}

RouteVerdict judge(const Prefix& route, const RouteLimits& limits,
                   const std::vector<Prefix>& own) {
  if (is_never_taken(route)) return RouteVerdict::kNever;
  if (!limits.ipv6 && route.family() == Family::kIpv6) {
    return RouteVerdict::kIpv6;
  }
  if (is_within_any(route, limits.excludes)) return RouteVerdict::kExcluded;
  if (is_within_any(route, own)) return RouteVerdict::kOwn;
  if (!limits.all && is_wide(route)) return RouteVerdict::kWide;
  return RouteVerdict::kCaptured;
}

}  // namespace

bool is_within_any(const Prefix& inner, const std::vector<Prefix>& outer) {
  return std::any_of(outer.begin(), outer.end(), [&](const Prefix& prefix) {
    return is_within(inner, prefix);
  });
}

// What the user named is captured, in whatever network it is.
std::vector<Prefix> own_left_alone(const std::vector<Prefix>& own,
                                   const std::vector<Prefix>& includes) {
  std::vector<Prefix> alone;
  for (const Prefix& network : own) {
    bool named = std::any_of(
        includes.begin(), includes.end(), [&](const Prefix& include) {
          return is_within(network, include) || is_within(include, network);
        });
    bool known = std::find(alone.begin(), alone.end(), network) != alone.end();
    if (!named && !known) alone.push_back(network);
  }
  return alone;
}

std::string_view why(RouteVerdict verdict) {
  switch (verdict) {
    case RouteVerdict::kCaptured:
    case RouteVerdict::kNever:
    case RouteVerdict::kIpv6:
      return "";
    case RouteVerdict::kExcluded:
      return "-x or -X excludes it";
    case RouteVerdict::kOwn:
      return "this machine is in it; to capture it, name it";
    case RouteVerdict::kWide:
      return "it is public and wide; to capture it, name it, or write "
             "--auto-nets=all";
    case RouteVerdict::kTooMany:
      return "256 networks are captured already; to capture all, write "
             "--auto-nets=all";
  }
  return "";
}

RouteVerdicts judge_routes(const std::set<Prefix>& routes,
                           const RouteLimits& limits) {
  std::vector<Prefix> ordered(routes.begin(), routes.end());
  std::sort(ordered.begin(), ordered.end(), RouteOrder());
  std::vector<Prefix> own = own_left_alone(limits.own, limits.includes);
  RouteVerdicts verdicts;
  std::size_t taken = 0;
  for (const Prefix& route : ordered) {
    RouteVerdict verdict = judge(route, limits, own);
    if (verdict == RouteVerdict::kCaptured && !limits.all &&
        ++taken > kMaxRoutesTaken) {
      verdict = RouteVerdict::kTooMany;
    }
    verdicts.emplace(route, verdict);
  }
  return verdicts;
}

std::vector<firewall::Rule> route_rules(const RouteVerdicts& verdicts,
                                        const RouteLimits& limits) {
  std::vector<Prefix> captured;
  for (const auto& [route, verdict] : verdicts) {
    if (verdict == RouteVerdict::kCaptured) captured.push_back(route);
  }
  std::vector<firewall::Rule> rules;
  for (const Prefix& route : captured) {
    rules.emplace_back(route, PortRange(), firewall::Action::kInclude);
  }
  for (const Prefix& own : own_left_alone(limits.own, limits.includes)) {
    if (is_within_any(own, captured)) {
      rules.emplace_back(own, PortRange(), firewall::Action::kExclude);
    }
  }
  return rules;
}

}  // namespace ginnel
