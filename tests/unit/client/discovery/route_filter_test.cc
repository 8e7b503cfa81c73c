// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/route_filter.h"

#include <doctest/doctest.h>

#include <string>

#include "base/strings.h"
#include "client/subnet_spec.h"

namespace ginnel {
namespace {

Prefix prefix(std::string_view text) {
  auto spec = parse_subnet(text);
  REQUIRE(spec);
  return spec->prefix;
}

std::vector<Prefix> prefixes(std::initializer_list<const char*> texts) {
  std::vector<Prefix> result;
  for (const char* text : texts) result.push_back(prefix(text));
  return result;
}

RouteVerdict judge(const char* route, const RouteLimits& limits) {
  return judge_routes({prefix(route)}, limits).begin()->second;
}

std::string rules(std::initializer_list<const char*> routes,
                  const RouteLimits& limits) {
  std::set<Prefix> set;
  for (const char* route : routes) set.insert(prefix(route));
  std::string text;
  for (const auto& rule : route_rules(judge_routes(set, limits), limits)) {
    bool include = rule.action == firewall::Action::kInclude;
    text += concat(text.empty() ? "" : " ", include ? "" : "-", rule.prefix);
  }
  return text;
}

TEST_CASE("routes: private ones are captured, and public ones not too wide") {
  RouteLimits limits;
  for (const char* route :
       {"10.0.0.0/8", "10.1.2.3/32", "172.16.0.0/12", "172.31.255.0/24",
        "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fd12::/48",
        "198.51.0.0/16", "203.0.113.0/24", "2001:db8::/32", "2001:db8:1::/64",
        "64:ff9b::/96"}) {
    CAPTURE(route);
    CHECK(judge(route, limits) == RouteVerdict::kCaptured);
  }
  for (const char* route :
       {"172.0.0.0/8", "192.168.0.0/15", "100.0.0.0/9", "11.0.0.0/8",
        "8.0.0.0/15", "10.0.0.0/7", "2001::/16", "2001:db8::/31", "fc00::/6"}) {
    CAPTURE(route);
    CHECK(judge(route, limits) == RouteVerdict::kWide);
    limits.all = true;
    CHECK(judge(route, limits) == RouteVerdict::kCaptured);
    limits.all = false;
  }
}

TEST_CASE("routes: some are never captured") {
  for (bool all : {false, true}) {
    RouteLimits limits;
    limits.all = all;
    for (const char* route : {"0.0.0.0/0",
                              "0.0.0.0/1",
                              "128.0.0.0/1",
                              "::/0",
                              "8000::/1",
                              "2000::/3",
                              "127.0.0.0/8",
                              "127.0.0.53/32",
                              "0.1.2.0/24",
                              "169.254.0.0/16",
                              "169.254.169.254/32",
                              "224.0.0.0/4",
                              "239.1.0.0/16",
                              "240.0.0.0/4",
                              "255.255.255.255/32",
                              "::1/128",
                              "::/128",
                              "::ffff:10.0.0.0/104",
                              "fe80::/10",
                              "fe80::1/128",
                              "ff00::/8",
                              "ff02::/16"}) {
      CAPTURE(route);
      std::string_view text = route;
      auto address = IpAddress::parse(text.substr(0, text.find('/')));
      Prefix network(*address, std::stoi(route + text.find('/') + 1));
      CHECK(judge_routes({network}, limits).at(network) ==
            RouteVerdict::kNever);
    }
  }
}

TEST_CASE("routes: no IPv6 with --disable-ipv6") {
  RouteLimits limits;
  limits.ipv6 = false;
  CHECK(judge("fd00::/48", limits) == RouteVerdict::kIpv6);
  CHECK(judge("10.0.0.0/8", limits) == RouteVerdict::kCaptured);
}

TEST_CASE("routes: 256 in all, the private and then the widest first") {
  std::set<Prefix> routes;
  for (int i = 0; i < 300; ++i) {
    routes.insert(prefix(concat("203.", i / 256, '.', i % 256, ".0/24")));
    routes.insert(prefix(concat("10.", i / 256, '.', i % 256, ".0/24")));
  }
  routes.insert(prefix("10.0.0.0/8"));
  for (bool all : {false, true}) {
    RouteLimits limits;
    limits.all = all;
    auto verdicts = judge_routes(routes, limits);
    std::size_t taken = 0;
    for (const auto& [route, verdict] : verdicts) {
      taken += verdict == RouteVerdict::kCaptured;
    }
    CHECK(verdicts.size() == 601);
    CHECK(taken == (all ? 601 : 256));
    CHECK(verdicts.at(prefix("10.0.0.0/8")) == RouteVerdict::kCaptured);
    CHECK(verdicts.at(prefix("203.0.0.0/24")) ==
          (all ? RouteVerdict::kCaptured : RouteVerdict::kTooMany));
  }
}

TEST_CASE("routes: an exclude holds against parts of it") {
  RouteLimits limits;
  limits.excludes = prefixes({"10.1.0.0/16"});
  CHECK(judge("10.1.0.0/16", limits) == RouteVerdict::kExcluded);
  CHECK(judge("10.1.2.0/24", limits) == RouteVerdict::kExcluded);
  CHECK(judge("10.0.0.0/8", limits) == RouteVerdict::kCaptured);
}

TEST_CASE("routes: this machine's own networks stay as they are") {
  RouteLimits limits;
  limits.own = prefixes({"192.168.1.0/24", "172.17.0.0/16", "192.168.1.0/24"});
  CHECK(rules({"192.168.1.0/24"}, limits) == "");
  CHECK(rules({"192.168.1.128/25"}, limits) == "");
  CHECK(judge("192.168.1.0/25", limits) == RouteVerdict::kOwn);
  CHECK(rules({"192.168.0.0/16", "10.0.0.0/8"}, limits) ==
        "10.0.0.0/8 192.168.0.0/16 -192.168.1.0/24");
  SUBCASE("unless the user names them") {
    limits.includes = prefixes({"192.168.1.0/24"});
    CHECK(rules({"192.168.1.0/24"}, limits) == "192.168.1.0/24");
    CHECK(rules({"192.168.0.0/16"}, limits) == "192.168.0.0/16");
    CHECK(rules({"172.16.0.0/12"}, limits) == "172.16.0.0/12 -172.17.0.0/16");
  }
  SUBCASE("or something they are in, or a part of them") {
    limits.includes = prefixes({"192.168.0.0/16", "172.17.0.9/32"});
    CHECK(rules({"192.168.0.0/16", "172.16.0.0/12"}, limits) ==
          "172.16.0.0/12 192.168.0.0/16");
  }
}

}  // namespace
}  // namespace ginnel
