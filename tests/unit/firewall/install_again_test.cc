// SPDX-License-Identifier: GPL-3.0-or-later
// INSTALL after INSTALL, on a real kernel: what is open lives on, nothing slips
// through in between, and the end is as clean as after one.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "base/strings.h"
#include "tests/unit/firewall/sandbox.h"

namespace ginnel::firewall {
namespace {

using Clock = std::chrono::steady_clock;

Endpoint to(const char* address, std::uint16_t port) {
  return Endpoint(ip(address), port);
}

std::vector<Rule> networks_24(int count) {
  std::vector<Rule> rules;
  for (int i = 0; i < count; ++i) {
    std::uint8_t bytes[] = {static_cast<std::uint8_t>(20 + (i >> 14)),
                            static_cast<std::uint8_t>(i >> 6),
                            static_cast<std::uint8_t>(i << 2), 0};
    rules.emplace_back(Prefix(IpAddress(Family::kIpv4, bytes), 24), PortRange(),
                       Action::kInclude);
  }
  return rules;
}

// The ruleset, whichever of their two names the sets have.
std::string rules_now() {
  std::string text = ruleset();
  for (std::size_t at; (at = text.find("_b")) != text.npos;) text.erase(at, 2);
  return text;
}

struct Again : Sandbox {
  void replace(FirewallProxy& proxy, const std::vector<Rule>& rules) {
    REQUIRE(proxy.clear_rules());
    REQUIRE(proxy.add_rules(rules));
    Result<void> installed = proxy.install();
    if (!installed) FAIL(installed.error().message());
  }

  // The median of so many replacements, by turns with the first rules and
  // with these.
  std::chrono::microseconds time(FirewallProxy& proxy, int times,
                                 const std::vector<Rule>& rules,
                                 const std::vector<Rule>& others) {
    std::vector<std::chrono::microseconds> took;
    for (int i = 0; i < times; ++i) {
      REQUIRE(proxy.clear_rules());
      REQUIRE(proxy.add_rules(i % 2 != 0 ? rules : others));
      Clock::time_point start = Clock::now();
      REQUIRE(proxy.install());
      took.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
          Clock::now() - start));
    }
    std::nth_element(took.begin(), took.begin() + times / 2, took.end());
    return took[static_cast<std::size_t>(times) / 2];
  }
};

TEST_CASE_FIXTURE(Again, "install again: what counts is what was said last") {
  FirewallProxy proxy = capture({include("10.9.0.0", 16)});
  std::string once = rules_now();
  // More, after what was sent before.
  REQUIRE(proxy.add_rules(std::vector{include("10.10.0.0", 16)}));
  CHECK(rules_now() == once);
  REQUIRE(proxy.install());
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kConnected);
  CHECK(connect_to(to("10.10.1.1", 80)) == Outcome::kConnected);
  replace(proxy, {include("10.10.0.0", 16), include("fd09::", 16)});
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kRefused);
  CHECK(connect_to(to("10.10.1.1", 80)) == Outcome::kConnected);
  CHECK(connect_to(to("fd09::1", 80)) == Outcome::kConnected);
  replace(proxy, {include("10.9.0.0", 16)});
  CHECK(rules_now() == once);
  // Nothing at all, for the time being.
  replace(proxy, {});
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kRefused);
  replace(proxy, {include("10.9.0.0", 16)});
  CHECK(rules_now() == once);
  proxy.close();
  CHECK(proxy.wait_undone());
  CHECK(ruleset() == before);
  CHECK(shell("ls /run") == "");
}

TEST_CASE_FIXTURE(Again, "install again: open connections live on, and end") {
  FirewallProxy proxy = capture({include("10.9.0.0", 16)});
  UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connect_to(client, to("10.9.1.1", 80)) == Outcome::kConnected);
  UniqueFd server(::accept4(listener4.get(), nullptr, nullptr, SOCK_CLOEXEC));
  auto talks = [&](const UniqueFd& from, const UniqueFd& back) {
    char byte = 'x';
    return ::send(from.get(), &byte, 1, MSG_NOSIGNAL) == 1 &&
           ::recv(back.get(), &byte, 1, 0) == 1;
  };
  ::fcntl(client.get(), F_SETFL, 0);
  CHECK(talks(client, server));
  replace(proxy, {include("10.10.0.0", 16)});
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kRefused);
  CHECK(talks(client, server));
  CHECK(talks(server, client));
  // At the end it is told, though its rule went long before.
  SUBCASE("in order") { proxy.close(); }
  SUBCASE("by kill") { ::kill(children_of(::getpid()).front(), SIGKILL); }
  (void)proxy.wait_undone().has_value();
  char byte;
  CHECK(::recv(client.get(), &byte, 1, 0) == -1);
  CHECK(errno == ECONNRESET);
  CHECK(eventually([&] { return ruleset() == before; }));
  CHECK(eventually([&] { return shell("ls /run") == ""; }));
}

TEST_CASE_FIXTURE(Again, "install again: a refusal leaves what was") {
  FirewallProxy proxy = capture({include("10.9.0.0", 16)});
  std::string once = rules_now();
  std::vector<Rule> too_many;
  for (int i = 0; i < 1100; ++i) {
    auto port = static_cast<std::uint16_t>(i + 1);
    too_many.push_back(include("10.0.0.0", 8, PortRange(port, port)));
    std::uint8_t bytes[] = {10, 1, static_cast<std::uint8_t>(i >> 8),
                            static_cast<std::uint8_t>(i)};
    too_many.emplace_back(Prefix(IpAddress(Family::kIpv4, bytes), 32),
                          PortRange(port, port), Action::kExclude);
  }
  REQUIRE(proxy.clear_rules());
  REQUIRE(proxy.add_rules(too_many));
  CHECK_FALSE(proxy.install());
  CHECK(rules_now() == once);
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kConnected);
  replace(proxy, {include("10.10.0.0", 16)});
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kRefused);
}

// One process connects as fast as it can while another installs as fast as it
// can: not one connection may find no rule.
TEST_CASE_FIXTURE(Again, "install again: there is no moment without rules") {
  bool owner_flag = true;
  SUBCASE("the kernel owns the table") {}
  SUBCASE("an old kernel") { owner_flag = false; }
  FirewallProxy proxy = capture({include("10.9.0.0", 16)}, {}, owner_flag);
  // As many as the backlog takes.
  constexpr int kConnections = 4000;
  pid_t child = ::fork();
  if (child == 0) {
    SocketAddress address(to("10.9.1.1", 80));
    for (int i = 0; i < kConnections; ++i) {
      UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(socket.get(), address.get(), address.size) < 0)
        ::_exit(errno);
    }
    ::_exit(0);
  }
  int installs = 0;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    std::vector<Rule> rules = {include("10.9.0.0", 16)};
    if (++installs % 2 != 0) rules.push_back(include("10.10.1.1", 32));
    replace(proxy, rules);
  }
  CHECK(status == 0);
  CHECK(installs > 10);
}

TEST_CASE_FIXTURE(Again, "install again: new listeners take part") {
  FirewallProxy proxy = start();
  auto four = proxy.listen(to("127.0.0.1", 0));
  REQUIRE(four);
  REQUIRE(proxy.add_rules(std::vector{include("10.9.0.0", 16)}));
  REQUIRE(proxy.add_rules(std::vector{include("fd09::", 16)}));
  REQUIRE(proxy.install());
  CHECK(connect_to(to("fd09::1", 80)) == Outcome::kRefused);
  auto six = proxy.listen(to("::1", 0));
  REQUIRE(six);
  REQUIRE(proxy.install());
  CHECK(connect_to(to("fd09::1", 80)) == Outcome::kConnected);
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kConnected);
  CHECK(connect_to(six->endpoint) == Outcome::kNoAnswer);
}

TEST_CASE_FIXTURE(Again, "install again: 20 000 networks, and few in no time") {
  FirewallProxy proxy = capture({include("10.9.0.0", 16)});
  auto few = time(proxy, 101, {include("10.9.0.0", 16)},
                  {include("10.9.0.0", 16), include("10.10.1.1", 32)});
  std::vector<Rule> many = networks_24(20'000);
  std::vector<Rule> more = many;
  more.push_back(include("10.10.1.1", 32));
  auto all = time(proxy, 5, many, more);
  CHECK(connect_to(to("20.0.4.1", 80)) == Outcome::kConnected);
  MESSAGE("few rules took ", few.count(), " us, 20 000 networks ", all.count(),
          " us");
  // Generous: a machine that does other things, too.
  CHECK(few < std::chrono::milliseconds(50));
  CHECK(all < std::chrono::seconds(5));
}

}  // namespace
}  // namespace ginnel::firewall
