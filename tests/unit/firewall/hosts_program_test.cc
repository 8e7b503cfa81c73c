// SPDX-License-Identifier: GPL-3.0-or-later
// The hosts block and the resolver as the client asks ginnel-firewall for them.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/strings.h"
#include "firewall/hosts_edit.h"
#include "tests/unit/firewall/sandbox.h"

namespace ginnel::firewall {
namespace {

constexpr char kText[] = "127.0.0.1 localhost\n10.0.0.1 last";

// /etc/hosts is another one here: bound over it.
class WithHosts : public Sandbox {
 public:
  WithHosts() {
    std::ofstream(kFile) << kText;
    REQUIRE(::mount(kFile, "/etc/hosts", nullptr, MS_BIND, nullptr) == 0);
  }
  ~WithHosts() {
    ::umount2("/etc/hosts", MNT_DETACH);
    ::unlink(kFile);
  }

  std::string hosts() const { return shell("cat /etc/hosts"); }
  bool nothing_left() const {
    return hosts() == kText && ruleset() == before &&
           shell("ls /run") == "hosts\n";
  }

  FirewallProxy capture_ten_nine(bool owner_flag = true) {
    return capture({include("10.9.0.0", 16), exclude("10.9.5.0", 24)}, {},
                   owner_flag);
  }

 private:
  static constexpr char kFile[] = "/run/hosts";
};

const std::vector<Host>& two() {
  static const std::vector<Host> hosts = {Host(ip("10.9.1.1"), "printer.corp"),
                                          Host(ip("10.9.1.2"), "db")};
  return hosts;
}

pid_t only_child_of(pid_t process) {
  std::vector<pid_t> children = children_of(process);
  REQUIRE(children.size() == 1);
  return children.front();
}

void end_somehow(WithHosts& sandbox, bool owner_flag) {
  FirewallProxy proxy = sandbox.capture_ten_nine(owner_flag);
  REQUIRE(proxy.set_hosts(two()));
  CHECK(shell("getent hosts printer.corp").starts_with("10.9.1.1 "));
  pid_t process = only_child_of(::getpid());
  SUBCASE("of ginnel") { proxy.close(); }
  SUBCASE("of the firewall") { ::kill(process, SIGKILL); }
  SUBCASE("of its guard") { ::kill(only_child_of(process), SIGKILL); }
  (void)proxy.wait_undone().has_value();
  CHECK(eventually([&] { return sandbox.nothing_left(); }));
}

TEST_CASE_FIXTURE(WithHosts,
                  "firewall: names leave the hosts file at any end") {
  SUBCASE("the kernel owns the table") { end_somehow(*this, true); }
  SUBCASE("an old kernel") { end_somehow(*this, false); }
}

TEST_CASE_FIXTURE(WithHosts,
                  "firewall: both killed, the next start takes names out") {
  FirewallProxy proxy = capture_ten_nine();
  REQUIRE(proxy.set_hosts(two()));
  pid_t process = only_child_of(::getpid());
  pid_t guard = only_child_of(process);
  for (int signal : {SIGSTOP, SIGKILL}) {
    ::kill(guard, signal);
    ::kill(process, signal);
  }
  (void)proxy.wait_undone().has_value();
  REQUIRE(hosts() != kText);
  FirewallProxy next = start();
  REQUIRE(next.marked_socket(Family::kIpv4));
  CHECK(eventually([&] { return nothing_left(); }));
}

TEST_CASE_FIXTURE(WithHosts, "firewall: each of two runs has its own names") {
  FirewallProxy first = capture_ten_nine();
  REQUIRE(first.set_hosts(two()));
  FirewallProxy second = capture({include("10.10.0.0", 16)});
  REQUIRE(second.set_hosts(std::vector<Host>{Host(ip("10.10.1.1"), "other")}));
  first.close();
  CHECK(first.wait_undone());
  CHECK(hosts().find("printer") == std::string::npos);
  CHECK(shell("getent hosts other").starts_with("10.10.1.1 "));
  second.close();
  CHECK(second.wait_undone());
  CHECK(nothing_left());
}

TEST_CASE_FIXTURE(WithHosts, "firewall: only names of what is captured") {
  FirewallProxy proxy = capture_ten_nine();
  std::vector<Host> all;
  for (const Host& host : {Host(ip("10.8.1.1"), "a"), Host(ip("10.9.5.1"), "a"),
                           Host(ip("127.0.0.1"), "a"), Host(ip("::1"), "a"),
                           Host(ip("10.9.1.1"), "localhost")}) {
    CAPTURE(to_string(host.address));
    CHECK(proxy.set_hosts(std::vector<Host>{host}));
    CHECK(hosts() == kText);
    all.push_back(host);
  }
  CHECK_FALSE(proxy.set_hosts(std::vector<Host>{Host(ip("10.9.1.1"), "a_b")}));
  CHECK(hosts() == kText);
  SUBCASE("which others do not keep out") {
    all.insert(all.begin() + 2, Host(ip("10.9.1.1"), "printer"));
    CHECK(proxy.set_hosts(all));
    CHECK(hosts().find("\n10.9.1.1 printer") != std::string::npos);
    CHECK(hosts().find("localhost #") == std::string::npos);
    CHECK(proxy.set_hosts({}));
  }
  CHECK(hosts() == kText);
  CHECK(proxy.set_hosts(two()));
  CHECK(proxy.set_hosts({}));
  CHECK(hosts() == kText);
}

TEST_CASE_FIXTURE(WithHosts, "firewall: thousands of names in many messages") {
  FirewallProxy proxy = capture_ten_nine();
  std::vector<Host> many;
  for (std::size_t i = 0; i < kMaxHosts; ++i) {
    many.emplace_back(ip("10.9.1.1"),
                      concat(std::string(60, 'x'), ".", i, ".corp"));
  }
  REQUIRE(proxy.set_hosts(many));
  CHECK(hosts().find("x.4095.corp # ginnel\n") != std::string::npos);
  proxy.close();
  CHECK(proxy.wait_undone());
  CHECK(nothing_left());
}

TEST_CASE_FIXTURE(WithHosts,
                  "firewall: a hosts file that is read-only is told") {
  REQUIRE(::mount(nullptr, "/etc/hosts", nullptr,
                  MS_REMOUNT | MS_RDONLY | MS_BIND, nullptr) == 0);
  FirewallProxy proxy = capture_ten_nine();
  Result<void> set = proxy.set_hosts(two());
  REQUIRE_FALSE(set);
  CHECK(set.error().message() ==
        "firewall: /etc/hosts cannot be opened: Read-only file system: make "
        "it writable, or use --dns, which needs no hosts file");
  proxy.close();
  CHECK(proxy.wait_undone());
  CHECK(nothing_left());
}

TEST_CASE_FIXTURE(Sandbox, "firewall: without systemd-resolved it says so") {
  FirewallProxy proxy = start();
  auto listener = proxy.listen(Endpoint(ip("127.0.0.1"), 0), Purpose::kDnsUdp);
  REQUIRE(listener);
  std::vector<std::string> domains = {"corp.example"};
  Result<void> told = proxy.set_resolver(domains, listener->endpoint);
  REQUIRE_FALSE(told);
  CHECK(told.error().message() ==
        "firewall: no way to systemd-resolved, for want of D-Bus: No such "
        "file or directory");
  CHECK(shell("ip -o link show type tun") == "");
  SUBCASE("and asks nobody else") {
    for (const Endpoint& other :
         {Endpoint(ip("127.0.0.1"), 53), Endpoint(ip("192.0.2.2"), 5353),
          Endpoint(ip("127.0.0.2"), listener->endpoint.port)}) {
      Result<void> refused = proxy.set_resolver(domains, other);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().message().find("is no listener for look-ups") !=
            std::string::npos);
    }
  }
  CHECK(proxy.set_resolver({}, {}));
}

}  // namespace
}  // namespace ginnel::firewall
