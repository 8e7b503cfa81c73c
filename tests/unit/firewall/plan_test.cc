// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/plan.h"

#include <doctest/doctest.h>

namespace ginnel::firewall {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

// A fixture of verbs: what a user asks for, and the script that comes of it.
struct PlanTest {
  Wanted wanted;

  void include(const char* address, int length, PortRange ports = PortRange()) {
    wanted.rules.emplace_back(Prefix(ip(address), length), ports,
                              Action::kInclude);
  }
  void exclude(const char* address, int length) {
    wanted.rules.emplace_back(Prefix(ip(address), length), PortRange(),
                              Action::kExclude);
  }
  void listen(const char* address, std::uint16_t port) {
    wanted.listeners.emplace_back(Endpoint(ip(address), port));
  }
  std::string script() {
    Result<Plan> plan = make_plan("ginnel-1-0000", wanted);
    return plan ? to_string(*plan) : plan.error().message();
  }
};

TEST_CASE_FIXTURE(PlanTest, "plan: one network, own connections") {
  include("10.0.0.0", 8);
  listen("127.0.0.1", 12300);
  CHECK(script() ==
        R"(table inet ginnel-1-0000 {
  set ipv4_0 {
    type ipv4_addr; flags interval;
    elements = { 10.0.0.0-10.255.255.255 }
  }
  chain local {
    tcp flags & (syn | ack) == syn ip daddr @ipv4_0 redirect to :12300
  }
  chain output {
    type nat hook output priority -100;
    meta mark 1728053270 return
    fib daddr type local return
    ip6 daddr fe80::/10 return
    goto local
  }
  chain input {
    type filter hook input priority 0;
    ct status dnat accept
    tcp flags & (syn | ack) == syn ip daddr 127.0.0.1 tcp dport 12300 drop
  }
}
)");
}

TEST_CASE_FIXTURE(PlanTest, "plan: a router for both families") {
  include("10.0.0.0", 8);
  exclude("10.9.0.0", 16);
  include("2001:db8::", 32, PortRange(80, 80));
  include("2001:db8::", 32, PortRange(443, 443));
  listen("0.0.0.0", 12300);
  listen("::", 12301);
  wanted.filters.forwarded = true;
  wanted.filters.uplinks = {"eth0", "wwan0"};
  wanted.filters.user = 1000;
  wanted.filters.group = 100;
  CHECK(script() ==
        R"(table inet ginnel-1-0000 {
  set ipv4_0 {
    type ipv4_addr; flags interval;
    elements = { 10.0.0.0-10.8.255.255, 10.10.0.0-10.255.255.255 }
  }
  set ipv6_1 {
    type ipv6_addr; flags interval;
    elements = { 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff }
  }
  set ports_1 {
    type inet_service; flags interval;
    elements = { 80-80, 443-443 }
  }
  chain local {
    tcp flags & (syn | ack) == syn ip daddr @ipv4_0 redirect to :12300
    tcp flags & (syn | ack) == syn ip6 daddr @ipv6_1 tcp dport @ports_1 redirect to :12301
  }
  chain output {
    type nat hook output priority -100;
    meta mark 1728053270 return
    fib daddr type local return
    ip6 daddr fe80::/10 return
    meta skuid 1000 meta skgid 100 goto local
  }
  chain forwarded {
    tcp flags & (syn | ack) == syn ip daddr @ipv4_0 redirect to :12300
    tcp flags & (syn | ack) == syn ip6 daddr @ipv6_1 tcp dport @ports_1 redirect to :12301
  }
  chain prerouting {
    type nat hook prerouting priority -100;
    meta mark 1728053270 return
    fib daddr type local return
    ip6 daddr fe80::/10 return
    iifname "eth0" return
    iifname "wwan0" return
    goto forwarded
  }
  chain input {
    type filter hook input priority 0;
    ct status dnat accept
    tcp flags & (syn | ack) == syn meta nfproto ipv4 tcp dport 12300 drop
    tcp flags & (syn | ack) == syn meta nfproto ipv6 tcp dport 12301 drop
  }
}
)");
}

TEST_CASE_FIXTURE(PlanTest, "plan: a LAN that is named is all that counts") {
  include("0.0.0.0", 0);
  listen("127.0.0.1", 12300);
  listen("192.168.1.1", 12301);
  wanted.filters.forwarded = true;
  wanted.filters.uplinks = {"eth0"};
  wanted.filters.lan_interfaces = {"br0"};
  wanted.filters.lan_prefixes = {Prefix(ip("192.168.2.0"), 24),
                                 Prefix(ip("fd00::"), 8)};
  std::string text = script();
  // A listener on one address is reached by naming it.
  CHECK(text.find("  chain forwarded {\n"
                  "    tcp flags & (syn | ack) == syn ip daddr @ipv4_0 "
                  "dnat ip to 192.168.1.1:12301\n  }\n") != text.npos);
  CHECK(text.find("  chain prerouting {\n"
                  "    type nat hook prerouting priority -100;\n"
                  "    meta mark 1728053270 return\n"
                  "    fib daddr type local return\n"
                  "    ip6 daddr fe80::/10 return\n"
                  "    iifname \"br0\" goto forwarded\n"
                  "    ip saddr 192.168.2.0/24 goto forwarded\n"
                  "    ip6 saddr fd00::/8 goto forwarded\n"
                  "  }\n") != text.npos);
}

TEST_CASE_FIXTURE(PlanTest,
                  "plan: only families with a listener are captured") {
  include("10.0.0.0", 8);
  include("2001:db8::", 32);
  listen("127.0.0.1", 12300);
  std::string text = script();
  CHECK(text.find("ip daddr @ipv4_0 redirect") != text.npos);
  CHECK(text.find("ip6 daddr @") == text.npos);
}

TEST_CASE_FIXTURE(PlanTest, "plan: what cannot work is refused") {
  CHECK(script() == "there is no listener to divert connections to");
  listen("127.0.0.1", 12300);
  CHECK(script() == "the rules capture nothing; include at least one network");
  include("2001:db8::", 32);
  CHECK(script() == "there is no listener of the networks' IP version");
  include("10.0.0.0", 8);
  wanted.filters.forwarded = true;
  CHECK(script() ==
        "forwarded connections cannot reach a listener on loopback; listen on "
        "0.0.0.0 or [::], or on the address of the LAN's interface");
}

}  // namespace
}  // namespace ginnel::firewall
