// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/net_types.h"

#include <doctest/doctest.h>

#include <string>

#include "base/strings.h"

namespace ginnel {
namespace {

IpAddress address(std::string_view text) {
  auto parsed = IpAddress::parse(text);
  REQUIRE(parsed.has_value());
  return *parsed;
}

Prefix prefix(std::string_view text, int length) {
  return Prefix(address(text), length);
}

// The address as it is written back, or "none".
std::string reread(std::string_view text) {
  auto parsed = IpAddress::parse(text);
  return parsed ? to_string(*parsed) : "none";
}

}  // namespace

TEST_CASE("base: an address is read as it is written") {
  for (const char* text : {"0.0.0.0", "10.0.255.1", "255.255.255.255",
                           "::", "::1", "fe80::1", "2001:db8:1:2:3:4:5:6"}) {
    CAPTURE(text);
    CHECK(reread(text) == text);
  }
  CHECK(reread("2001:DB8:0:0::1") == "2001:db8::1");
}

TEST_CASE("base: what is no address is not read as one") {
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.4 ", "[::1]", ":::1",
        "fe80::1%eth0", "host", "1:2:3:4:5:6:7:8:9",
        "0000000000000000000000000000000000000000000000000001"}) {
    CAPTURE(text);
    CHECK(reread(text) == "none");
  }
  CHECK(reread(std::string_view("::1\0x", 5)) == "none");
}

TEST_CASE("base: addresses are told apart by kind") {
  CHECK(address("0.0.0.0").is_any());
  CHECK(address("::").is_any());
  CHECK_FALSE(address("0.0.0.1").is_any());
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.2"})
    CHECK(address(text).is_loopback());
  for (const char* text : {"128.0.0.1", "::", "::2", "::ffff:10.0.0.1"})
    CHECK_FALSE(address(text).is_loopback());
  for (const char* text : {"169.254.0.1", "fe80::1", "febf::1"})
    CHECK(address(text).is_link_local());
  for (const char* text : {"169.253.0.1", "fec0::1", "fe7f::1"})
    CHECK_FALSE(address(text).is_link_local());
}

TEST_CASE("base: an IPv4 address inside IPv6 is the IPv4 address") {
  CHECK(to_string(address("::ffff:192.0.2.1").unmapped()) == "192.0.2.1");
  CHECK(to_string(address("::1").unmapped()) == "::1");
  CHECK(address("::ffff:192.0.2.1") != address("192.0.2.1"));
}

TEST_CASE("base: addresses are ordered by value, IPv4 before IPv6") {
  CHECK(address("9.255.255.255") < address("10.0.0.0"));
  CHECK(address("255.255.255.255") < address("::"));
  CHECK(address("::ffff") < address("1::"));
}

TEST_CASE("base: an endpoint survives the way through a socket address") {
  for (const char* text : {"192.0.2.1", "2001:db8::1"}) {
    Endpoint endpoint(address(text), 65535);
    SocketAddress socket(endpoint);
    CHECK(socket.endpoint() == endpoint);
  }
  CHECK(to_string(Endpoint(address("192.0.2.1"), 80)) == "192.0.2.1:80");
  CHECK(to_string(Endpoint(address("::1"), 80)) == "[::1]:80");
  CHECK_FALSE(SocketAddress().endpoint().has_value());
}

TEST_CASE("base: a prefix clears its host bits and knows its bounds") {
  CHECK(to_string(prefix("10.1.2.3", 8)) == "10.0.0.0/8");
  CHECK(to_string(prefix("10.1.2.255", 31)) == "10.1.2.254/31");
  CHECK(to_string(prefix("1.2.3.4", 0)) == "0.0.0.0/0");
  CHECK(to_string(prefix("2001:db8:ffff::1", 33)) == "2001:db8:8000::/33");
  CHECK(to_string(prefix("10.1.2.3", 12).last()) == "10.15.255.255");
  CHECK(to_string(prefix("fd00::", 127).last()) == "fd00::1");
  CHECK(prefix("10.1.2.3", 32).first() == prefix("10.1.2.3", 32).last());
}

TEST_CASE("base: a prefix contains what lies between its bounds") {
  Prefix network = prefix("10.16.0.0", 12);
  CHECK(network.contains(address("10.16.0.0")));
  CHECK(network.contains(address("10.31.255.255")));
  CHECK_FALSE(network.contains(address("10.15.255.255")));
  CHECK_FALSE(network.contains(address("10.32.0.0")));
  CHECK_FALSE(prefix("0.0.0.0", 0).contains(address("::")));
  CHECK(prefix("::", 0).contains(address("ffff::")));
}

TEST_CASE("base: a port is a whole number from 1 to 65535") {
  CHECK(parse_port("1") == 1);
  CHECK(parse_port("65535") == 65535);
  for (const char* text :
       {"", "0", "65536", "99999999999", "+1", "-1", " 1", "1 ", "0x10", "1.0"})
    CHECK_FALSE(parse_port(text).has_value());
}

TEST_CASE("base: a range of ports contains both its ends") {
  PortRange range(8000, 8001);
  CHECK(range.contains(8000));
  CHECK(range.contains(8001));
  CHECK_FALSE(range.contains(7999));
  CHECK_FALSE(range.contains(8002));
  CHECK(range.count() == 2);
  CHECK_FALSE(range.all());
  CHECK(PortRange().all());
  CHECK(PortRange().count() == 65536);
}

}  // namespace ginnel
