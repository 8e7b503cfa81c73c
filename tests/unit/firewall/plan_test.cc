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
  void listen(const char* address, std::uint16_t port,
              Purpose purpose = Purpose::kConnections) {
    wanted.listeners.emplace_back(Endpoint(ip(address), port), purpose);
  }
  // For DNS, over UDP at that port and over TCP at the next.
  void listen_for_dns(const char* address, std::uint16_t port) {
    listen(address, port, Purpose::kDnsUdp);
    listen(address, port + 1, Purpose::kDnsTcp);
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
    fib daddr type local return
    ip6 daddr fe80::/10 return
    tcp flags & (syn | ack) == syn ip daddr @ipv4_0 redirect to :12300
  }
  chain output {
    type nat hook output priority -100;
    meta mark 1728053270 return
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
    fib daddr type local return
    ip6 daddr fe80::/10 return
    tcp flags & (syn | ack) == syn ip daddr @ipv4_0 redirect to :12300
    tcp flags & (syn | ack) == syn ip6 daddr @ipv6_1 tcp dport @ports_1 redirect to :12301
  }
  chain output {
    type nat hook output priority -100;
    meta mark 1728053270 return
    meta skuid 1000 meta skgid 100 goto local
  }
  chain forwarded {
    fib daddr type local return
    ip6 daddr fe80::/10 return
    tcp flags & (syn | ack) == syn ip daddr @ipv4_0 redirect to :12300
    tcp flags & (syn | ack) == syn ip6 daddr @ipv6_1 tcp dport @ports_1 redirect to :12301
  }
  chain prerouting {
    type nat hook prerouting priority -100;
    meta mark 1728053270 return
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
                  "    fib daddr type local return\n"
                  "    ip6 daddr fe80::/10 return\n"
                  "    tcp flags & (syn | ack) == syn ip daddr @ipv4_0 "
                  "dnat ip to 192.168.1.1:12301\n  }\n") != text.npos);
  CHECK(text.find("  chain prerouting {\n"
                  "    type nat hook prerouting priority -100;\n"
                  "    meta mark 1728053270 return\n"
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

TEST_CASE_FIXTURE(PlanTest, "plan: look-ups of one user, and its resolver") {
  listen_for_dns("127.0.0.1", 12400);
  wanted.name_servers = {ip("192.168.1.2"), ip("127.0.0.53"), ip("192.168.1.1"),
                         ip("127.0.0.53")};
  wanted.filters.user = 1000;
  wanted.resolver_asks = Endpoint(ip("127.0.0.1"), 12400);
  CHECK(script() ==
        R"(table inet ginnel-1-0000 {
  set dns_ipv4 {
    type ipv4_addr; flags interval;
    elements = { 127.0.0.53-127.0.0.53, 192.168.1.1-192.168.1.2 }
  }
  chain local {
    udp dport 53 ip daddr @dns_ipv4 redirect to :12400
    tcp flags & (syn | ack) == syn tcp dport 53 ip daddr @dns_ipv4 redirect to :12401
    fib daddr type local return
    ip6 daddr fe80::/10 return
  }
  chain output {
    type nat hook output priority -100;
    meta mark 1728053270 return
    meta skuid 1000 goto local
  }
  chain input {
    type filter hook input priority 0;
    ct status dnat accept
    iifname "lo" ip daddr 127.0.0.1 udp dport 12400 accept
    ip daddr 127.0.0.1 udp dport 12400 drop
    tcp flags & (syn | ack) == syn ip daddr 127.0.0.1 tcp dport 12401 drop
  }
}
)");
}

TEST_CASE_FIXTURE(PlanTest, "plan: a router's look-ups, both families") {
  include("10.0.0.0", 8);
  listen("0.0.0.0", 12300);
  listen_for_dns("0.0.0.0", 12400);
  listen_for_dns("fd00::1", 12500);
  wanted.name_servers = {ip("192.168.1.1"), ip("2001:db8::53")};
  wanted.filters.forwarded = true;
  wanted.filters.uplinks = {"eth0"};
  CHECK(script() ==
        R"(table inet ginnel-1-0000 {
  set dns_ipv4 {
    type ipv4_addr; flags interval;
    elements = { 192.168.1.1-192.168.1.1 }
  }
  set dns_ipv6 {
    type ipv6_addr; flags interval;
    elements = { 2001:db8::53-2001:db8::53 }
  }
  set ipv4_0 {
    type ipv4_addr; flags interval;
    elements = { 10.0.0.0-10.255.255.255 }
  }
  chain local {
    udp dport 53 ip daddr @dns_ipv4 redirect to :12400
    udp dport 53 ip6 daddr @dns_ipv6 dnat ip6 to [fd00::1]:12500
    tcp flags & (syn | ack) == syn tcp dport 53 ip daddr @dns_ipv4 redirect to :12401
    tcp flags & (syn | ack) == syn tcp dport 53 ip6 daddr @dns_ipv6 dnat ip6 to [fd00::1]:12501
    fib daddr type local return
    ip6 daddr fe80::/10 return
    tcp flags & (syn | ack) == syn ip daddr @ipv4_0 redirect to :12300
  }
  chain output {
    type nat hook output priority -100;
    meta mark 1728053270 return
    goto local
  }
  chain forwarded {
    udp dport 53 ip daddr @dns_ipv4 redirect to :12400
    udp dport 53 meta nfproto ipv4 fib daddr type local redirect to :12400
    udp dport 53 ip6 daddr @dns_ipv6 dnat ip6 to [fd00::1]:12500
    udp dport 53 meta nfproto ipv6 fib daddr type local dnat ip6 to [fd00::1]:12500
    tcp flags & (syn | ack) == syn tcp dport 53 ip daddr @dns_ipv4 redirect to :12401
    tcp flags & (syn | ack) == syn tcp dport 53 meta nfproto ipv4 fib daddr type local redirect to :12401
    tcp flags & (syn | ack) == syn tcp dport 53 ip6 daddr @dns_ipv6 dnat ip6 to [fd00::1]:12501
    tcp flags & (syn | ack) == syn tcp dport 53 meta nfproto ipv6 fib daddr type local dnat ip6 to [fd00::1]:12501
    fib daddr type local return
    ip6 daddr fe80::/10 return
    tcp flags & (syn | ack) == syn ip daddr @ipv4_0 redirect to :12300
  }
  chain prerouting {
    type nat hook prerouting priority -100;
    meta mark 1728053270 return
    iifname "eth0" return
    goto forwarded
  }
  chain input {
    type filter hook input priority 0;
    ct status dnat accept
    tcp flags & (syn | ack) == syn meta nfproto ipv4 tcp dport 12300 drop
    meta nfproto ipv4 udp dport 12400 drop
    tcp flags & (syn | ack) == syn meta nfproto ipv4 tcp dport 12401 drop
    ip6 daddr fd00::1 udp dport 12500 drop
    tcp flags & (syn | ack) == syn ip6 daddr fd00::1 tcp dport 12501 drop
  }
}
)");
}

TEST_CASE_FIXTURE(PlanTest, "plan: no listener for it, no look-ups") {
  include("10.0.0.0", 8);
  listen("127.0.0.1", 12300);
  wanted.name_servers = {ip("192.168.1.1"), ip("2001:db8::53")};
  CHECK(script().find("dport 53") == std::string::npos);
  listen("127.0.0.1", 12400, Purpose::kDnsTcp);
  CHECK(script().find("udp dport 53") == std::string::npos);
  CHECK(script().find("tcp dport 53 ip daddr @dns_ipv4 redirect to :12400") !=
        std::string::npos);
  CHECK(script().find("ip6 daddr @dns_ipv6") == std::string::npos);
}

TEST_CASE_FIXTURE(PlanTest, "plan: nothing to capture yet, or any more") {
  listen("127.0.0.1", 12300);
  CHECK(script().find("redirect") == std::string::npos);
  exclude("10.9.0.0", 16);
  CHECK(script().find("redirect") == std::string::npos);
  include("10.9.0.0", 16);
  wanted.changing = true;
  CHECK(script().find("redirect") == std::string::npos);
  CHECK(script().starts_with("table inet "));
}

TEST_CASE_FIXTURE(PlanTest, "plan: what cannot work is refused") {
  CHECK(script() == "there is no listener to divert connections to");
  listen("127.0.0.1", 12300);
  include("10.9.0.0", 16);
  exclude("10.9.0.0", 16);
  CHECK(script() == "the rules capture nothing; include at least one network");
  wanted.rules.clear();
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
