// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/seen_addresses.h"

#include <doctest/doctest.h>

#include <string>

#include "base/strings.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

std::string rules(const SeenAddresses& seen) {
  std::vector<firewall::Rule> list;
  seen.add_rules(list);
  std::string text;
  for (const auto& rule : list) {
    text += concat(text.empty() ? "" : " ", rule.prefix, ':', rule.ports.first,
                   '-', rule.ports.last);
  }
  return text;
}

TEST_CASE("seen addresses: each once, with its ports") {
  SeenAddresses seen;
  SeenAddresses::TimePoint now{};
  CHECK(seen.empty());
  CHECK(seen.see(ip("10.0.0.1"), PortRange(), 10s, now));
  CHECK(!seen.see(ip("10.0.0.1"), PortRange(), 10s, now));
  CHECK(seen.see(ip("10.0.0.1"), PortRange(443, 443), 10s, now));
  CHECK(seen.see(ip("fd00::1"), PortRange(), 10s, now));
  CHECK(rules(seen) ==
        "10.0.0.1/32:0-65535 10.0.0.1/32:443-443 fd00::1/128:0-65535");
}

TEST_CASE("seen addresses: kept a minute longer than the answer counts") {
  SeenAddresses seen;
  SeenAddresses::TimePoint now{};
  seen.see(ip("10.0.0.1"), PortRange(), 10s, now);
  CHECK(!seen.expire(now + 69s));
  CHECK(rules(seen) != "");
  SUBCASE("then forgotten") {
    CHECK(seen.expire(now + 70s));
    CHECK(seen.empty());
  }
  SUBCASE("unless seen again") {
    seen.see(ip("10.0.0.1"), PortRange(), 10s, now + 60s);
    CHECK(!seen.expire(now + 129s));
    CHECK(seen.expire(now + 130s));
  }
  SUBCASE("and a shorter answer takes nothing away") {
    seen.see(ip("10.0.0.1"), PortRange(), 0s, now + 1s);
    CHECK(!seen.expire(now + 69s));
  }
}

TEST_CASE("seen addresses: no answer counts for longer than an hour") {
  SeenAddresses seen;
  SeenAddresses::TimePoint now{};
  seen.see(ip("10.0.0.1"), PortRange(), std::chrono::seconds(0x7fffffff), now);
  CHECK(!seen.expire(now + 1h));
  CHECK(seen.expire(now + 1h + SeenAddresses::kGrace));
}

TEST_CASE("seen addresses: when there are too many the oldest goes") {
  SeenAddresses seen;
  SeenAddresses::TimePoint now{};
  auto nth = [](std::size_t i) {
    std::uint8_t bytes[4] = {10, 0, static_cast<std::uint8_t>(i >> 8),
                             static_cast<std::uint8_t>(i)};
    return IpAddress(Family::kIpv4, bytes);
  };
  for (std::size_t i = 0; i < SeenAddresses::kMax; ++i) {
    seen.see(nth(i), PortRange(), 1h, now + std::chrono::milliseconds(i));
  }
  seen.see(nth(0), PortRange(), 1h, now + 10s);
  CHECK(seen.see(ip("10.9.9.9"), PortRange(), 0s, now + 10s));
  std::vector<firewall::Rule> list;
  seen.add_rules(list);
  CHECK(list.size() == SeenAddresses::kMax);
  CHECK(!seen.see(nth(0), PortRange(), 0s, now + 11s));
  CHECK(seen.see(nth(1), PortRange(), 0s, now + 11s));
}

}  // namespace
}  // namespace ginnel
