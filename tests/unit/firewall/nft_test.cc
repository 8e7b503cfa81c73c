// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/nft.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>
#include <string_view>

#include "base/strings.h"
#include "firewall/note.h"
#include "tests/unit/firewall/sandbox.h"

namespace ginnel::firewall {
namespace {

constexpr char kTable[] = "ginnel-1-0000";

Plan plan_for(const Wanted& wanted) {
  Result<Plan> plan = make_plan(kTable, wanted);
  if (!plan) FAIL(plan.error().message());
  return std::move(*plan);
}

std::string list() { return shell(concat("nft list table inet ", kTable)); }

// What the kernel holds after nft itself has loaded the plan's script.
std::string by_nft(const Plan& plan) {
  std::ofstream("/run/script") << to_string(plan);
  shell("nft -f /run/script && rm /run/script");
  std::string listed = list();
  shell(concat("nft delete table inet ", kTable));
  return listed;
}

std::string by_us(const Plan& plan) {
  Result<InstalledTable> table =
      InstalledTable::install(plan, Ownership::kPlain);
  if (!table) FAIL(table.error().message());
  std::string listed = list();
  REQUIRE(remove_table(kTable));
  return listed;
}

TEST_CASE("nft: a plan in the kernel is what nft makes of its script") {
  NetworkNamespace home;
  Wanted wanted;
  SUBCASE("one network") {
    wanted.rules = {include("10.0.0.0", 8)};
    wanted.listeners = {Listener(Endpoint(ip("127.0.0.1"), 12300))};
  }
  SUBCASE("everything, both families, to the ends of all ranges") {
    wanted.rules = {include("0.0.0.0", 0),
                    include("::", 0),
                    exclude("0.0.0.0", 32),
                    exclude("255.255.255.255", 32),
                    exclude("0.0.0.0", 0, PortRange(0, 0)),
                    include("10.0.0.0", 8, PortRange(443, 65535))};
    wanted.listeners = {Listener(Endpoint(ip("127.0.0.1"), 12300)),
                        Listener(Endpoint(ip("::1"), 12301))};
  }
  SUBCASE("a router with every filter") {
    wanted.rules = {
        include("10.0.0.0", 8), include("10.1.0.0", 16, PortRange(80, 80)),
        exclude("10.1.2.3", 32, PortRange(80, 80)), include("2001:db8::", 32)};
    wanted.listeners = {Listener(Endpoint(ip("0.0.0.0"), 12300)),
                        Listener(Endpoint(ip("::"), 12301))};
    wanted.filters.user = 1000;
    wanted.filters.group = 100;
    wanted.filters.forwarded = true;
    wanted.filters.uplinks = {"eth0", "a-name-of-15-by"};
  }
  SUBCASE("a named LAN, and listeners on addresses") {
    wanted.rules = {include("10.0.0.0", 8), include("2001:db8::", 32)};
    wanted.listeners = {Listener(Endpoint(ip("192.168.1.1"), 12300)),
                        Listener(Endpoint(ip("fd00::1"), 12301))};
    wanted.filters.forwarded = true;
    wanted.filters.lan_interfaces = {"br0"};
    wanted.filters.lan_prefixes = {Prefix(ip("192.168.0.0"), 17),
                                   Prefix(ip("fd00::"), 9)};
  }
  SUBCASE("look-ups, with every filter and the resolver") {
    wanted.listeners = {
        Listener(Endpoint(ip("0.0.0.0"), 12400), Purpose::kDnsUdp),
        Listener(Endpoint(ip("0.0.0.0"), 12400), Purpose::kDnsTcp),
        Listener(Endpoint(ip("127.0.0.1"), 12300)),
        Listener(Endpoint(ip("192.168.1.1"), 12301)),
        Listener(Endpoint(ip("fd00::1"), 12500), Purpose::kDnsUdp),
        Listener(Endpoint(ip("::1"), 12501), Purpose::kDnsTcp)};
    wanted.name_servers = {ip("127.0.0.53"), ip("192.168.1.1"),
                           ip("192.168.1.2"), ip("2001:db8::53"),
                           ip("fe80::1")};
    wanted.resolver_asks = Endpoint(ip("::1"), 12501);
    wanted.filters.user = 1000;
    wanted.filters.forwarded = true;
    wanted.filters.uplinks = {"eth0"};
  }
  Plan plan = plan_for(wanted);
  CHECK(by_us(plan) == by_nft(plan));
}

TEST_CASE("nft: the translating table is what nft makes of its script") {
  NetworkNamespace home;
  Plan plan = make_translation_plan(kTable);
  CHECK(by_us(plan) == by_nft(plan));
}

TEST_CASE("nft: a table goes with the last copy of its socket, or when told") {
  NetworkNamespace home;
  Plan plan = make_translation_plan(kTable);
  Result<UniqueFd> socket = open_table_socket();
  REQUIRE(socket);
  REQUIRE(install_over(socket->get(), plan, Ownership::kOwned));
  UniqueFd copy(::dup(socket->get()));
  socket->reset();
  CHECK(ruleset() != "");
  SUBCASE("goes with the last copy") { copy.reset(); }
  SUBCASE("goes when told") {
    CHECK(remove_own_table(copy.get(), kTable));
    CHECK(remove_own_table(copy.get(), kTable));
  }
  CHECK(ruleset() == "");
}

TEST_CASE("nft: 20 000 prefixes load, in one rule") {
  NetworkNamespace home;
  Wanted wanted;
  wanted.listeners = {Listener(Endpoint(ip("127.0.0.1"), 12300)),
                      Listener(Endpoint(ip("::1"), 12301))};
  for (int i = 0; i < 20'000; ++i) {
    std::uint8_t bytes[16] = {0x20, 0x01, static_cast<std::uint8_t>(i >> 8),
                              static_cast<std::uint8_t>(i)};
    wanted.rules.emplace_back(Prefix(IpAddress(Family::kIpv6, bytes), 48),
                              PortRange(), Action::kInclude);
    std::uint8_t four[4] = {static_cast<std::uint8_t>(20 + (i >> 14)),
                            static_cast<std::uint8_t>(i >> 6),
                            static_cast<std::uint8_t>(i << 2), 0};
    wanted.rules.emplace_back(Prefix(IpAddress(Family::kIpv4, four), 24),
                              PortRange(), Action::kInclude);
  }
  Result<InstalledTable> table =
      InstalledTable::install(plan_for(wanted), Ownership::kOwned);
  REQUIRE(table);
  std::string listed = list();
  auto count = [&](std::string_view what) {
    int times = 0;
    for (std::size_t at = listed.find(what); at != listed.npos;
         at = listed.find(what, at + 1)) {
      ++times;
    }
    return times;
  };
  CHECK(count("/24") == 20'000);
  CHECK(count("/48") == 20'000);
  CHECK(count("redirect") == 2);
}

TEST_CASE("nft: an owned table goes with its owner, and nobody may touch it") {
  NetworkNamespace home;
  Wanted wanted;
  wanted.rules = {include("10.0.0.0", 8)};
  wanted.listeners = {Listener(Endpoint(ip("127.0.0.1"), 12300))};
  {
    Result<InstalledTable> table =
        InstalledTable::install(plan_for(wanted), Ownership::kOwned);
    REQUIRE(table);
    CHECK(shell("nft delete table inet ginnel-1-0000 || true")
              .find("not permitted") != std::string::npos);
    CHECK_FALSE(remove_table(kTable, std::chrono::milliseconds(0)));
  }
  CHECK(ruleset() == "");
  CHECK(remove_table(kTable));
}

TEST_CASE("nft: what the kernel refuses is named, and nothing of it stays") {
  NetworkNamespace home;
  Plan plan{kTable, {}, {{"output", Hook::kOutput, {}}}};
  plan.chains[0].statements.push_back({{}, verdict::Goto{"nowhere"}});
  Result<InstalledTable> table =
      InstalledTable::install(plan, Ownership::kOwned);
  REQUIRE_FALSE(table);
  CHECK(table.error().message() ==
        "the kernel refused rule 1 of chain output: No such file or directory");
  CHECK(ruleset() == "");
}

TEST_CASE("nft: only names of ours are ours") {
  Result<std::string> name = make_table_name();
  REQUIRE(name);
  CHECK(is_our_table(*name));
  CHECK(name->starts_with(concat("ginnel-", ::getpid(), "-")));
  CHECK(is_our_table("ginnel-1-09af"));
  CHECK(translation_table("ginnel-1-09af") == "ginnel-1-09af-nat");
  CHECK(is_our_table("ginnel-1-09af-nat"));
  for (const char* other :
       {"", "ginnel", "ginnel-", "ginnel-1", "ginnel-1-", "ginnel--0000",
        "ginnel-1-000", "ginnel-1-00000", "ginnel-1-000g", "ginnel-1-000G",
        "ginnel-1-0000-nat-nat", "ginnel-1-000-nat", "-nat", "ginnel-x-0000",
        "Ginnel-1-0000", "ginnel-1-0000/", "../ginnel-1-0000", "filter"}) {
    CAPTURE(other);
    CHECK_FALSE(is_our_table(other));
  }
}

TEST_CASE("note: a stale one takes its table along, a live one does not") {
  NetworkNamespace home;
  shell(
      "rm -rf /run/ginnel && nft add table inet ginnel-1-0001 && "
      "nft add table inet ginnel-1-0002 && "
      "nft add table inet ginnel-1-0002-nat && nft add table inet "
      "ginnel-1-0003");
  Result<UniqueFd> live = write_note("ginnel-1-0001");
  Result<UniqueFd> stale = write_note("ginnel-1-0002");
  REQUIRE(live);
  REQUIRE(stale);
  CHECK_FALSE(write_note("ginnel-1-0001"));
  stale->reset();
  {
    // Another namespace is none of our business.
    NetworkNamespace other;
    repair_stale_notes();
    home.enter();
  }
  CHECK(shell("ls /run/ginnel") == "ginnel-1-0001\nginnel-1-0002\n");
  repair_stale_notes();
  CHECK(shell("ls /run/ginnel") == "ginnel-1-0001\n");
  CHECK(ruleset() ==
        "table inet ginnel-1-0001 {\n}\n"
        "table inet ginnel-1-0003 {\n}\n");
  CHECK(remove_note("ginnel-1-0001"));
  CHECK(remove_note("ginnel-1-0001"));
}

TEST_CASE("note: a folder that is not root's alone is not used") {
  NetworkNamespace home;
  shell("rm -rf /run/ginnel && mkdir -m 755 /run/ginnel");
  CHECK_FALSE(write_note("ginnel-1-0001"));
  shell("rmdir /run/ginnel && ln -s /tmp /run/ginnel");
  CHECK_FALSE(write_note("ginnel-1-0001"));
  shell("rm /run/ginnel");
  CHECK(write_note("ginnel-1-0001"));
  shell("rm -r /run/ginnel");
}

}  // namespace
}  // namespace ginnel::firewall
