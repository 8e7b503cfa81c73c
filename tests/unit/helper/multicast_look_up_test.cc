// SPDX-License-Identifier: GPL-3.0-or-later
// Multicast look-ups answered by a real avahi-daemon in a network of its own.
#include "resolve/multicast_look_up.h"

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <optional>

#include "names/dns_build.h"
#include "tests/unit/helper/lan.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

// The answer; empty when there was none. Nothing when it was not even asked.
std::optional<std::vector<std::byte>> look_up(const char* name,
                                              std::uint16_t type) {
  asio::io_context io{1};
  std::optional<std::vector<std::byte>> answer;
  auto query = dns::make_query(77, name, type);
  auto look_up = MulticastLookUp::start(
      io.get_executor(), *query,
      [&](std::vector<std::byte> bytes) { answer = std::move(bytes); });
  if (!look_up) return {};
  CHECK(!answer);
  auto end = std::chrono::steady_clock::now() + 5s;
  while (!answer && std::chrono::steady_clock::now() < end) {
    io.restart();
    io.run_one_for(10ms);
  }
  REQUIRE(answer.has_value());
  if (!answer->empty()) CHECK(dns::matches(*query, *answer));
  return answer;
}

std::vector<IpAddress> addresses(const char* name, std::uint16_t type) {
  auto answer = look_up(name, type);
  REQUIRE(answer.has_value());
  return dns::addresses(*answer).addresses;
}

TEST_CASE("multicast look-up: a name that only the link knows") {
  Lan lan;
  lan.start_avahi("printer");
  std::vector<IpAddress> ipv4 = {*IpAddress::parse("10.1.0.9")};
  std::vector<IpAddress> ipv6 = {*IpAddress::parse("2001:db8:1::9")};
  CHECK(addresses("printer.local", dns::type::kA) == ipv4);
  CHECK(addresses("Printer.LOCAL", dns::type::kA) == ipv4);
  CHECK(addresses("printer.local", dns::type::kAaaa) == ipv6);

  auto reverse = look_up("9.0.1.10.in-addr.arpa", dns::type::kPtr);
  REQUIRE(reverse.has_value());
  CHECK(dns::pointed_name(*reverse) == "printer.local");

  // Nobody is silent about it sooner than at the limit.
  auto began = std::chrono::steady_clock::now();
  auto nobody = look_up("nobody.local", dns::type::kA);
  REQUIRE(nobody.has_value());
  CHECK(nobody->empty());
  CHECK(std::chrono::steady_clock::now() - began >= MulticastLookUp::kLimit);
}

TEST_CASE("multicast look-up: without links there is nobody to ask") {
  PrivateNetwork network;
  CHECK(!look_up("printer.local", dns::type::kA));
}

}  // namespace
}  // namespace ginnel
