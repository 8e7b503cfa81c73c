// SPDX-License-Identifier: GPL-3.0-or-later
// Starts that fail. Those that succeed are in tests/unit/firewall.
#include "client/firewall_proxy.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/strings.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// A folder for programs that play sudo, and an XDG_RUNTIME_DIR.
struct ProxyTest {
  ProxyTest() {
    char name[] = "/tmp/proxy-test-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    folder = name;
    fs::create_directory(folder / "run");
    ::setenv("XDG_RUNTIME_DIR", (folder / "run").c_str(), 1);
  }
  ~ProxyTest() {
    ::unsetenv("XDG_RUNTIME_DIR");
    fs::remove_all(folder);
  }

  std::string script(const std::string& text) {
    fs::path path = folder / "elevator";
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    fs::permissions(path, fs::perms(0755));
    return path;
  }
  // Why the start failed.
  Error elevated(const std::string& elevator,
                 std::chrono::milliseconds patience = 20s) {
    FirewallProxy::Start start;
    start.program = "/usr/libexec/ginnel/ginnel-firewall";
    start.elevator = elevator;
    start.patience = patience;
    Result<FirewallProxy> proxy = FirewallProxy::start_by_sudo(start);
    REQUIRE_FALSE(proxy);
    return proxy.error();
  }
  std::string as_root(const std::string& program) {
    FirewallProxy::Start start;
    start.program = program;
    Result<FirewallProxy> proxy = FirewallProxy::start_as_root(start);
    return proxy ? "started" : proxy.error().message();
  }
  bool nothing_left() { return fs::is_empty(folder / "run"); }

  fs::path folder;
};

TEST_CASE_FIXTURE(ProxyTest, "proxy: a program that cannot run is named") {
  CHECK(as_root("/nowhere/ginnel-firewall") ==
        "firewall: cannot run /nowhere/ginnel-firewall: No such file or "
        "directory");
  CHECK(as_root("/etc/passwd") ==
        "firewall: cannot run /etc/passwd: Permission denied");
  CHECK(as_root("/bin/true") == "ginnel-firewall ended unexpectedly");
}

TEST_CASE_FIXTURE(ProxyTest, "proxy: an elevator that fails is named") {
  CHECK(elevated("/nowhere/sudo").message() == "cannot run /nowhere/sudo");
  std::string refuses = script("exit 1");
  CHECK(elevated(refuses).message() ==
        refuses +
            " did not start ginnel-firewall; see what it says above, or start "
            "ginnel as root");
  std::string lies = script("exit 0");
  CHECK(elevated(lies).message() ==
        lies + " ended, but ginnel-firewall has not connected");
  CHECK(nothing_left());
}

TEST_CASE_FIXTURE(ProxyTest, "proxy: it is told the program and a place") {
  std::string file = folder / "said";
  elevated(script("umask 022; stat -c '%a %F' ${3%/*} $3 > " + file +
                  "; echo $1 $2 >> " + file + "; exit 1"));
  std::ifstream said(file);
  std::string text{std::istreambuf_iterator<char>(said), {}};
  CHECK(text.starts_with("700 directory\n"));
  CHECK(text.find(" socket\n/usr/libexec/ginnel/ginnel-firewall --connect\n") !=
        text.npos);
  CHECK(nothing_left());
}

TEST_CASE_FIXTURE(ProxyTest, "proxy: patience has an end, and so has sudo") {
  std::string file = folder / "pid";
  std::string waits = script("echo $$ > " + file + "; exec sleep 1000");
  CHECK(elevated(waits, 300ms).message() ==
        waits + " took too long to start ginnel-firewall");
  pid_t process = 0;
  std::ifstream(file) >> process;
  REQUIRE(process > 0);
  CHECK(::kill(process, 0) == -1);
  CHECK(nothing_left());
}

TEST_CASE_FIXTURE(ProxyTest, "proxy: a signal ends the wait") {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGALRM, &action, nullptr);
  itimerval soon{{}, {0, 200'000}};
  ::setitimer(ITIMER_REAL, &soon, nullptr);
  CHECK(elevated(script("exec sleep 1000")).code() == std::errc::interrupted);
  ::signal(SIGALRM, SIG_DFL);
  CHECK(nothing_left());
}

TEST_CASE_FIXTURE(ProxyTest, "proxy: only root may connect") {
  REQUIRE_MESSAGE(::geteuid() == 0, "this test needs root");
  fs::permissions(folder, fs::perms(0755));
  REQUIRE(::chown((folder / "run").c_str(), 12345, 12345) == 0);
  std::string stranger =
      script("exec socat UNIX-CONNECT:$3,type=5 EXEC:'sleep 2'");
  pid_t child = ::fork();
  if (child == 0) {
    ::setuid(12345);
    Error error = elevated(stranger);
    ::_exit(error.message().starts_with("user 12345 connected instead of root")
                ? 0
                : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(nothing_left());
}

TEST_CASE("proxy: root takes no path from the environment") {
  ::setenv("GINNEL_FIREWALL", "/tmp/evil", 1);
  Result<std::string> program = FirewallProxy::find_program();
  bool is_root = ::getuid() == 0;
  CHECK((program && *program == "/tmp/evil") == !is_root);
  ::unsetenv("GINNEL_FIREWALL");
}

}  // namespace
}  // namespace ginnel
