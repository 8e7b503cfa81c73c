// SPDX-License-Identifier: GPL-3.0-or-later
// The start by a user who is not root, through the real sudo, on a terminal of
// its own (use_pty, Debian's default, hangs up on what sudo started).
#include <doctest/doctest.h>
#include <pty.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "tests/unit/firewall/sandbox.h"

namespace ginnel::firewall {
namespace {

namespace fs = std::filesystem;

// `nobody`, who may run anything by sudo without a password, in this test's
// own mount namespace.
struct SudoTest : Sandbox {
  SudoTest() {
    REQUIRE(::mount("tmpfs", "/etc/sudoers.d", "tmpfs", 0, "mode=755") == 0);
    std::ofstream("/etc/sudoers.d/test")
        << "Defaults use_pty\nnobody ALL=(root) NOPASSWD: ALL\n";
    REQUIRE(::chmod("/etc/sudoers.d/test", 0440) == 0);
    const passwd* entry = ::getpwnam("nobody");
    REQUIRE(entry != nullptr);
    user = entry->pw_uid;
    fs::create_directory("/run/mine");
    REQUIRE(::chown("/run/mine", user, entry->pw_gid) == 0);
  }
  ~SudoTest() {
    ::umount("/etc/sudoers.d");
    fs::remove_all("/run/mine");
  }

  // Runs `work` as that user on a new terminal; what was printed there. `work`
  // returns what went wrong, or "fine".
  std::string on_terminal(std::string (*work)()) {
    int terminal = -1;
    pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child == 0) {
      if (::setgid(user) < 0 || ::setuid(user) < 0) ::_exit(1);
      ::setenv("XDG_RUNTIME_DIR", "/run/mine", 1);
      std::string outcome = work();
      (void)!::write(STDOUT_FILENO, outcome.data(), outcome.size());
      ::_exit(0);
    }
    REQUIRE(child > 0);
    std::string text;
    char part[1024];
    ssize_t size;
    while ((size = ::read(terminal, part, sizeof part)) > 0) {
      text.append(part, static_cast<std::size_t>(size));
    }
    ::close(terminal);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    return text;
  }

  uid_t user;
};

Result<FirewallProxy> start_by_sudo() {
  FirewallProxy::Start start;
  start.program = GINNEL_FIREWALL_PROGRAM;
  start.elevator = "sudo";
  start.patience = std::chrono::seconds(20);
  return FirewallProxy::start_by_sudo(start);
}

// A whole run, from the start to the end.
std::string run_as_user() {
  Result<FirewallProxy> proxy = start_by_sudo();
  if (!proxy) return proxy.error().message();
  if (!fs::is_empty("/run/mine")) return "the meeting place is still there";
  if (::waitpid(-1, nullptr, WNOHANG) >= 0) return "sudo is still there";
  auto listener =
      proxy->listen(Endpoint(IpAddress::loopback(Family::kIpv4), 0));
  if (!listener) return listener.error().message();
  std::vector<Rule> rules = {include("10.9.0.0", 16)};
  Result<void> done = proxy->add_rules(rules);
  if (done) done = proxy->install();
  if (!done) return done.error().message();

  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Endpoint target(ip("10.9.1.1"), 80);
  if (connect_to(socket, target) != Outcome::kConnected) return "not captured";
  if (original_destination(listener->socket) != target) return "captured what?";
  Result<UniqueFd> marked = proxy->marked_socket(Family::kIpv4);
  if (!marked) return marked.error().message();
  if (connect_to(*marked, target) != Outcome::kRefused) return "not exempt";

  proxy->close();
  done = proxy->wait_undone();
  return done ? "fine" : done.error().message();
}

TEST_CASE_FIXTURE(SudoTest, "sudo: a user's run from start to end") {
  CHECK(on_terminal(run_as_user) == "fine");
  CHECK(ruleset() == before);
}

TEST_CASE_FIXTURE(SudoTest, "sudo: a user who dies takes the rules along") {
  CHECK(on_terminal([]() -> std::string {
          Result<FirewallProxy> proxy = start_by_sudo();
          if (!proxy) return proxy.error().message();
          auto listener =
              proxy->listen(Endpoint(IpAddress::loopback(Family::kIpv4), 0));
          std::vector<Rule> rules = {include("10.9.0.0", 16)};
          if (!listener || !proxy->add_rules(rules) || !proxy->install()) {
            return "not installed";
          }
          ::_exit(0);
        }) == "");
  CHECK(eventually([&] { return ruleset() == before; }));
}

TEST_CASE_FIXTURE(SudoTest, "sudo: one who may not is told") {
  std::ofstream("/etc/sudoers.d/test") << "Defaults use_pty\n";
  std::string said = on_terminal([]() -> std::string {
    FirewallProxy::Start start;
    start.program = GINNEL_FIREWALL_PROGRAM;
    // -n: nobody will type a password.
    std::string elevator = "/run/mine/no-password";
    std::ofstream(elevator) << "#!/bin/sh\nexec sudo -n \"$@\"\n";
    ::chmod(elevator.c_str(), 0755);
    start.elevator = elevator;
    Result<FirewallProxy> proxy = FirewallProxy::start_by_sudo(start);
    return proxy ? "started" : proxy.error().message();
  });
  CHECK(said.find("did not start ginnel-firewall") != said.npos);
}

TEST_CASE_FIXTURE(SudoTest, "sudo: another user's socket is not talked to") {
  // What a user may listen at, and root start ginnel-firewall for.
  std::string said =
      shell(concat("socat -u UNIX-LISTEN:/run/theirs,type=5 CREATE:/run/heard "
                   ">/dev/null 2>&1 & "
                   "while ! test -S /run/theirs; do sleep 0.01; done; ",
                   "SUDO_UID=", user, " ", GINNEL_FIREWALL_PROGRAM,
                   " --connect /run/theirs; echo status $?; kill $!"));
  CHECK(said.find("Permission denied") != said.npos);
  CHECK(said.find("status 99") != said.npos);
  shell("rm -f /run/theirs /run/heard");
  said =
      shell(concat("socat -u UNIX-LISTEN:/run/mine/theirs,type=5,mode=777 "
                   "CREATE:/run/heard >/dev/null 2>&1 & "
                   "while ! test -S /run/mine/theirs; do sleep 0.01; done; ",
                   "SUDO_UID=", user, " ", GINNEL_FIREWALL_PROGRAM,
                   " --connect /run/mine/theirs; echo status $?"));
  CHECK(said.find(concat("user 0 listens at /run/mine/theirs, but user ", user,
                         " started ginnel-firewall")) != said.npos);
  CHECK(said.find("status 99") != said.npos);
  CHECK(shell("cat /run/heard; rm -f /run/heard") == "");
}

}  // namespace
}  // namespace ginnel::firewall
