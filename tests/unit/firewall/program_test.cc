// SPDX-License-Identifier: GPL-3.0-or-later
// ginnel-firewall as it is, on a real kernel, asked by the client's proxy.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "base/strings.h"
#include "base/unix_socket.h"
#include "client/elevated_start.h"
#include "tests/unit/firewall/sandbox.h"

namespace ginnel::firewall {
namespace {

constexpr uid_t kSomeUser = 12345;

Endpoint to(const char* address, std::uint16_t port) {
  return Endpoint(ip(address), port);
}

std::vector<Rule> ten_nine() {
  return {include("10.9.0.0", 16), include("fd09::", 16)};
}

// The one firewall this process has started: our only child.
pid_t firewall_process() {
  std::vector<pid_t> children = children_of(::getpid());
  REQUIRE(children.size() == 1);
  return children.front();
}

pid_t guard_of(pid_t process) {
  std::vector<pid_t> children = children_of(process);
  REQUIRE(children.size() == 1);
  return children.front();
}

// Neither can act on the other's death: both are stopped before it.
void kill_with_guard(pid_t process) {
  pid_t guard = guard_of(process);
  for (int signal : {SIGSTOP, SIGKILL}) {
    ::kill(guard, signal);
    ::kill(process, signal);
  }
}

bool nothing_left(const Sandbox& sandbox) {
  return ruleset() == sandbox.before && shell("ls /run") == "";
}

TEST_CASE_FIXTURE(Sandbox,
                  "firewall: own connections are captured, v4 and v6") {
  FirewallProxy proxy = capture(ten_nine());
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kConnected);
  CHECK(original_destination(listener4) == to("10.9.1.1", 80));
  CHECK(connect_to(to("fd09::7", 443)) == Outcome::kConnected);
  CHECK(original_destination(listener6) == to("fd09::7", 443));
  // All else goes its own way, which ends at the test's refusal.
  CHECK(connect_to(to("10.8.1.1", 80)) == Outcome::kRefused);
  CHECK(connect_to(to("fd08::7", 443)) == Outcome::kRefused);
  proxy.close();
  CHECK(proxy.wait_undone());
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kRefused);
  CHECK(nothing_left(*this));
}

TEST_CASE_FIXTURE(Sandbox, "firewall: overlaps, ports and holes are obeyed") {
  FirewallProxy proxy = capture({include("0.0.0.0", 0), exclude("10.9.5.0", 24),
                                 include("10.9.5.0", 24, PortRange(80, 90)),
                                 include("::", 0, PortRange(443, 443))});
  CHECK(connect_to(to("8.8.8.8", 53)) == Outcome::kConnected);
  CHECK(connect_to(to("10.9.5.1", 79)) == Outcome::kRefused);
  CHECK(connect_to(to("10.9.5.1", 80)) == Outcome::kConnected);
  CHECK(connect_to(to("10.9.5.1", 90)) == Outcome::kConnected);
  CHECK(connect_to(to("10.9.5.1", 91)) == Outcome::kRefused);
  CHECK(connect_to(to("2001:db8:9::1", 443)) == Outcome::kConnected);
  CHECK(connect_to(to("2001:db8:9::1", 444)) == Outcome::kRefused);
}

TEST_CASE_FIXTURE(Sandbox,
                  "firewall: local addresses and loopback are exempt") {
  FirewallProxy proxy = capture({include("0.0.0.0", 0), include("::", 0)});
  for (const char* local :
       {"127.0.0.1", "127.0.0.53", "192.0.2.1", "::1", "2001:db8:1::1"}) {
    CAPTURE(local);
    CHECK(connect_to(to(local, 9)) == Outcome::kRefused);
  }
  CHECK_FALSE(has_waiting(listener4));
  CHECK_FALSE(has_waiting(listener6));
}

TEST_CASE_FIXTURE(Sandbox, "firewall: link-local destinations are exempt") {
  shell("ip addr add fe80::1/64 dev wan0 nodad");
  FirewallProxy proxy = capture({include("::", 0)});
  UniqueFd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const char link[] = "wan0";
  REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, link,
                       sizeof link) == 0);
  CHECK(connect_to(socket, to("fe80::2", 9)) == Outcome::kRefused);
  CHECK_FALSE(has_waiting(listener6));
  CHECK(connect_to(to("fec0::2", 9)) == Outcome::kConnected);
}

TEST_CASE_FIXTURE(Sandbox, "firewall: a marked socket is never captured") {
  FirewallProxy proxy = capture({include("0.0.0.0", 0), include("::", 0)});
  for (auto target : {to("10.9.1.1", 22), to("fd09::1", 22)}) {
    Result<UniqueFd> socket = proxy.marked_socket(target.address.family());
    REQUIRE(socket);
    CHECK(connect_to(*socket, target) == Outcome::kRefused);
    CHECK(connect_to(target) == Outcome::kConnected);
  }
}

TEST_CASE_FIXTURE(Sandbox, "firewall: filters by user and group") {
  Filters filters;
  filters.user = kSomeUser;
  SUBCASE("user") {}
  SUBCASE("user and group") { filters.group = 0; }
  FirewallProxy proxy = capture(ten_nine(), filters);
  CHECK(connect_to(to("10.9.1.1", 80), kSomeUser) == Outcome::kConnected);
  CHECK(connect_to(to("10.9.1.1", 80), 0) == Outcome::kRefused);
}

TEST_CASE_FIXTURE(Sandbox,
                  "firewall: a group that does not match is left out") {
  Filters filters;
  filters.user = kSomeUser;
  filters.group = 1;
  FirewallProxy proxy = capture(ten_nine(), filters);
  CHECK(connect_to(to("10.9.1.1", 80), kSomeUser) == Outcome::kRefused);
}

TEST_CASE_FIXTURE(Sandbox, "firewall: a stranger at the listener is dropped") {
  FirewallProxy proxy = capture(ten_nine());
  CHECK(connect_to(at4) == Outcome::kNoAnswer);
  CHECK(connect_to(at6) == Outcome::kNoAnswer);
  CHECK_FALSE(has_waiting(listener4));
}

TEST_CASE_FIXTURE(Sandbox, "firewall: listeners serve from LISTEN to the end") {
  FirewallProxy proxy = start();
  auto listener = proxy.listen(to("127.0.0.1", 0));
  REQUIRE(listener);
  CHECK(connect_to(listener->endpoint) == Outcome::kConnected);
  proxy.close();
  CHECK(proxy.wait_undone());
  // Not even for whoever holds the socket still.
  CHECK(connect_to(listener->endpoint) == Outcome::kRefused);
}

TEST_CASE_FIXTURE(Sandbox, "firewall: connections older than it live on") {
  UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  outside.enter();
  server.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SocketAddress there(to("192.0.2.2", 7));
  REQUIRE(::bind(server.get(), there.get(), there.size) == 0);
  REQUIRE(::listen(server.get(), 1) == 0);
  home.enter();
  shell("nft flush chain inet test out");
  REQUIRE(connect_to(client, to("192.0.2.2", 7)) == Outcome::kConnected);
  UniqueFd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  FirewallProxy proxy = capture({include("192.0.2.0", 24)});
  CHECK(connect_to(to("192.0.2.2", 7)) == Outcome::kConnected);
  CHECK(original_destination(listener4) == to("192.0.2.2", 7));
  CHECK(::send(client.get(), "x", 1, MSG_NOSIGNAL) == 1);
  char byte = 0;
  CHECK(::recv(accepted.get(), &byte, 1, 0) == 1);
  CHECK(byte == 'x');
}

TEST_CASE_FIXTURE(Router, "firewall: a LAN's connections are captured") {
  const char* four = "0.0.0.0";
  const char* six = "::";
  SUBCASE("to wildcard listeners") {}
  SUBCASE("to listeners on the LAN's addresses") {
    four = "192.168.7.1";
    six = "fd00:7::1";
  }
  SUBCASE("to listeners on other addresses of this machine") {
    four = "192.0.2.1";
    six = "2001:db8:1::1";
  }
  Filters filters;
  filters.uplinks = {"wan0"};
  FirewallProxy proxy = route(ten_nine(), four, six, filters);
  CHECK(from(lan, to("10.9.1.1", 80)) == Outcome::kConnected);
  CHECK(original_destination(listener4) == to("10.9.1.1", 80));
  CHECK(from(lan, to("fd09::1", 80)) == Outcome::kConnected);
  CHECK(original_destination(listener6) == to("fd09::1", 80));
  CHECK(from(lan, to("10.8.1.1", 80)) == Outcome::kRefused);
  // Own connections too.
  CHECK(connect_to(to("10.9.1.1", 81)) == Outcome::kConnected);
  CHECK(original_destination(listener4) == to("10.9.1.1", 81));
  // A neighbour on the uplink is not let into the tunnel.
  CHECK(from(outside, to("10.9.1.1", 80)) == Outcome::kRefused);
  CHECK(from(outside, to("fd09::1", 80)) == Outcome::kRefused);
}

TEST_CASE_FIXTURE(Router, "firewall: a LAN host straight at the listener") {
  FirewallProxy proxy = route(ten_nine(), "0.0.0.0", "::", {});
  CHECK(from(lan, to("192.168.7.1", at4.port)) == Outcome::kNoAnswer);
  CHECK(from(lan, to("fd00:7::1", at6.port)) == Outcome::kNoAnswer);
  CHECK_FALSE(has_waiting(listener4));
}

TEST_CASE_FIXTURE(Router, "firewall: --lan narrows, and widens to the uplink") {
  Filters filters;
  filters.uplinks = {"wan0"};
  SUBCASE("another interface") { filters.lan_interfaces = {"lo"}; }
  SUBCASE("another prefix") {
    filters.lan_prefixes = {Prefix(ip("192.168.8.0"), 24)};
  }
  SUBCASE("the uplink itself") { filters.lan_interfaces = {"wan0"}; }
  SUBCASE("a prefix on the uplink") {
    filters.lan_prefixes = {Prefix(ip("192.0.2.0"), 24)};
  }
  SUBCASE("the LAN's interface") { filters.lan_interfaces = {"br0"}; }
  SUBCASE("the LAN's prefix") {
    filters.lan_prefixes = {Prefix(ip("192.168.7.0"), 24)};
  }
  auto names = [&](const char* interface, const char* prefix) {
    auto prefix_value = Prefix(ip(prefix), 24);
    return std::count(filters.lan_interfaces.begin(),
                      filters.lan_interfaces.end(), interface) +
               std::count(filters.lan_prefixes.begin(),
                          filters.lan_prefixes.end(), prefix_value) >
           0;
  };
  auto expected = [](bool captured) {
    return captured ? Outcome::kConnected : Outcome::kRefused;
  };
  FirewallProxy proxy = route(ten_nine(), "0.0.0.0", "::", filters);
  CHECK(from(lan, to("10.9.1.1", 80)) == expected(names("br0", "192.168.7.0")));
  CHECK(from(outside, to("10.9.1.1", 80)) ==
        expected(names("wan0", "192.0.2.0")));
}

// Ends a capture in one of the ways it can end, a subcase each.
void end_somehow(Sandbox& sandbox, bool owner_flag) {
  FirewallProxy proxy = sandbox.capture(ten_nine(), {}, owner_flag);
  REQUIRE(ruleset().find("ginnel-") != std::string::npos);
  CHECK((ruleset().find("flags owner") != std::string::npos) == owner_flag);
  pid_t process = firewall_process();
  SUBCASE("the client's socket closes") { proxy.close(); }
  SUBCASE("the firewall is killed") { ::kill(process, SIGKILL); }
  SUBCASE("the firewall is killed with all of its group") {
    ::kill(-process, SIGKILL);
  }
  SUBCASE("its guard is killed") { ::kill(guard_of(process), SIGKILL); }
  // Whoever holds the client's end sees it.
  (void)proxy.wait_undone().has_value();
  CHECK(proxy.fd() == -1);
}

TEST_CASE_FIXTURE(Sandbox, "firewall: every death leaves nothing") {
  SUBCASE("the kernel owns the table") { end_somehow(*this, true); }
  SUBCASE("an old kernel: the guard deletes it") { end_somehow(*this, false); }
  CHECK(eventually([&] { return nothing_left(*this); }));
}

TEST_CASE_FIXTURE(Sandbox, "firewall: its guard's death ends it, and is told") {
  bool rules = false;
  SUBCASE("before there are rules") {}
  SUBCASE("with rules in effect") { rules = true; }
  FirewallProxy proxy = rules ? capture(ten_nine()) : start();
  ::kill(guard_of(firewall_process()), SIGKILL);
  Result<void> undone = proxy.wait_undone();
  REQUIRE_FALSE(undone);
  CHECK(undone.error().message() ==
        "firewall: ginnel-firewall ends: its guard was killed");
  CHECK(nothing_left(*this));
}

TEST_CASE_FIXTURE(Sandbox, "firewall: an owned table needs no guard") {
  FirewallProxy proxy = capture(ten_nine());
  CHECK(shell("ls /run") == "");
  kill_with_guard(firewall_process());
  (void)proxy.wait_undone().has_value();
  CHECK(eventually([&] { return nothing_left(*this); }));
}

TEST_CASE_FIXTURE(Sandbox, "firewall: signals from the terminal do nothing") {
  FirewallProxy proxy = capture(ten_nine());
  pid_t process = firewall_process();
  CHECK(::getsid(process) == process);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR1}) {
    ::kill(process, signal);
    ::kill(children_of(process).front(), signal);
  }
  CHECK(proxy.marked_socket(Family::kIpv4));
  CHECK(children_of(process).size() == 1);
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kConnected);
}

TEST_CASE_FIXTURE(Sandbox, "firewall: the next start repairs what both left") {
  FirewallProxy proxy = capture(ten_nine(), {}, false);
  kill_with_guard(firewall_process());
  (void)proxy.wait_undone().has_value();
  REQUIRE(ruleset() != before);
  REQUIRE(shell("ls /run") != "");
  FirewallProxy next = start();
  REQUIRE(next.marked_socket(Family::kIpv4));
  CHECK(nothing_left(*this));
}

TEST_CASE_FIXTURE(Sandbox, "firewall: two run side by side") {
  FirewallProxy first = capture({include("10.9.0.0", 16)});
  UniqueFd first_listener = std::move(listener4);
  FirewallProxy second = capture({include("10.10.0.0", 16)});
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kConnected);
  CHECK(original_destination(first_listener) == to("10.9.1.1", 80));
  CHECK(connect_to(to("10.10.1.1", 80)) == Outcome::kConnected);
  CHECK(original_destination(listener4) == to("10.10.1.1", 80));
  first.close();
  CHECK(first.wait_undone());
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kRefused);
  CHECK(connect_to(to("10.10.1.1", 80)) == Outcome::kConnected);
}

TEST_CASE_FIXTURE(Sandbox, "firewall: without IPv6 there is IPv4") {
  shell("sysctl -q net.ipv6.conf.all.disable_ipv6=1");
  FirewallProxy proxy = start();
  Result<FirewallProxy::Listener> six = proxy.listen(to("::1", 0));
  REQUIRE_FALSE(six);
  CHECK(six.error().message() ==
        "firewall: listen on [::1]:0: Cannot assign requested address");
  Result<FirewallProxy::Listener> four = proxy.listen(to("127.0.0.1", 0));
  REQUIRE(four);
  CHECK(proxy.add_rules(ten_nine()));
  CHECK(proxy.install());
  CHECK(connect_to(to("10.9.1.1", 80)) == Outcome::kConnected);
  CHECK(original_destination(four->socket) == to("10.9.1.1", 80));
}

TEST_CASE_FIXTURE(Sandbox, "firewall: a refusal is told and changes nothing") {
  FirewallProxy proxy = start();
  Result<void> installed = proxy.install();
  REQUIRE_FALSE(installed);
  CHECK(installed.error().message() ==
        "firewall: there is no listener to divert connections to");
  CHECK(ruleset() == before);
  // And another try may succeed.
  CHECK(proxy.listen(to("127.0.0.1", 0)));
  CHECK(proxy.add_rules(ten_nine()));
  CHECK(proxy.install());
}

TEST_CASE_FIXTURE(Sandbox, "firewall: 20 000 networks in many messages") {
  std::vector<Rule> rules;
  for (int i = 0; i < 20'000; ++i) {
    std::uint8_t bytes[] = {static_cast<std::uint8_t>(20 + (i >> 14)),
                            static_cast<std::uint8_t>(i >> 6),
                            static_cast<std::uint8_t>(i << 2), 0};
    rules.emplace_back(Prefix(IpAddress(Family::kIpv4, bytes), 24), PortRange(),
                       Action::kInclude);
  }
  FirewallProxy proxy = capture(rules);
  CHECK(connect_to(Endpoint(rules.front().prefix.last(), 80)) ==
        Outcome::kConnected);
  CHECK(connect_to(Endpoint(rules.back().prefix.first(), 80)) ==
        Outcome::kConnected);
}

// What the process may still do, from /proc.
std::string status_line(pid_t process, const std::string& key) {
  std::ifstream status(concat("/proc/", process, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
  }
  return "";
}

TEST_CASE_FIXTURE(Sandbox, "firewall: of root it keeps CAP_NET_ADMIN alone") {
  FirewallProxy proxy = capture(ten_nine());
  pid_t process = firewall_process();
  for (pid_t each : {process, children_of(process).front()}) {
    for (const char* set : {"CapPrm", "CapEff", "CapBnd"}) {
      CAPTURE(set);
      CHECK(status_line(each, set) == "0000000000001000");
    }
    CHECK(status_line(each, "NoNewPrivs") == "1");
    CHECK(shell(concat("readlink /proc/", each, "/cwd")) == "/\n");
    CHECK(shell(concat("readlink /proc/", each, "/fd/0")) == "/dev/null\n");
  }
}

// The system's logger, as /dev/log in a /dev of its own.
struct Logger {
  Logger() {
    shell(
        "mount -n -t tmpfs none /mnt && touch /mnt/null && "
        "mount -n --bind /dev/null /mnt/null && mount -n --move /mnt /dev");
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof address) == 0);
  }
  ~Logger() { shell("umount -nl /dev"); }

  // As when it hangs: the next line would wait.
  void fill() {
    UniqueFd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    while (::sendto(sender.get(), "x", 1, MSG_DONTWAIT,
                    reinterpret_cast<const sockaddr*>(&address),
                    sizeof address) == 1) {
    }
    REQUIRE(errno == EAGAIN);
  }
  // The next line; "" when there is none.
  std::string line() {
    char text[512];
    ssize_t size = ::recv(socket.get(), text, sizeof text, MSG_DONTWAIT);
    return size < 0 ? "" : std::string(text, static_cast<std::size_t>(size));
  }

  sockaddr_un address = {AF_UNIX, "/dev/log"};
  UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_CASE_FIXTURE(Sandbox, "firewall: a logger that hangs keeps no rules") {
  Logger logger;
  FirewallProxy proxy = capture(ten_nine(), {}, false);
  logger.fill();
  pid_t process = firewall_process();
  SUBCASE("when the firewall is killed") { ::kill(process, SIGKILL); }
  SUBCASE("when its guard is killed") { ::kill(guard_of(process), SIGKILL); }
  bool undone = eventually([&] { return nothing_left(*this); });
  CHECK(undone);
  // So that a firewall that waits fails this case instead of holding it up.
  if (!undone) ::kill(process, SIGKILL);
  (void)proxy.wait_undone().has_value();
}

TEST_CASE_FIXTURE(Sandbox, "firewall: the system's logger hears why it ended") {
  Logger logger;
  FirewallProxy proxy = capture(ten_nine());
  pid_t process = firewall_process();
  std::string sender = concat(" ginnel-firewall[", process, "]: ");
  ::kill(guard_of(process), SIGKILL);
  CHECK_FALSE(proxy.wait_undone());
  std::string line = logger.line();
  CAPTURE(line);
  CHECK(line.starts_with("<27>"));
  CHECK(line.ends_with(sender + "ginnel-firewall ends: its guard was killed"));
}

// A client that does not keep to the rules.
struct Hostile : Sandbox {
  Hostile() {
    Result<StartedProcess> started = start_child(GINNEL_FIREWALL_PROGRAM, {});
    REQUIRE(started);
    socket = std::move(started->socket);
    process = started->process;
  }
  ~Hostile() {
    socket.reset();
    ::waitpid(process, nullptr, 0);
  }

  // The answer, as text; "" when the firewall has ended.
  std::string say(Bytes message, int passed = -1) {
    (void)send_message(socket.get(), message, passed).has_value();
    Result<std::optional<Message>> got =
        receive_message(socket.get(), 4096, Passing::kAccept);
    if (!got || !*got) return "";
    Result<Answer> answer = decode_answer((*got)->bytes);
    REQUIRE(answer);
    auto* failed = std::get_if<answer::Failed>(&*answer);
    return failed ? failed->sentence : "done";
  }
  std::string say(const Request& request) { return say(encode(request)); }

  void install() {
    REQUIRE(say(request::Hello{}) == "done");
    REQUIRE(say(request::Listen{Purpose::kConnections, to("127.0.0.1", 0)}) ==
            "done");
    REQUIRE(say(request::AddRules{ten_nine()}) == "done");
    REQUIRE(say(request::Install{}) == "done");
    REQUIRE(ruleset() != before);
  }
  // It said why, then ended, with everything undone.
  void check_ended() {
    CHECK(say(request::Install{}) == "");
    CHECK(nothing_left(*this));
  }

  UniqueFd socket;
  pid_t process;
};

TEST_CASE_FIXTURE(Hostile, "firewall: a request out of turn undoes and ends") {
  SUBCASE("before HELLO") {
    CHECK(say(request::Install{}) ==
          "ginnel-firewall ends: HELLO must be the first request, and only "
          "that");
    CHECK(say(request::Hello{}) == "");
    return;
  }
  install();
  CHECK(say(request::Hello{}) ==
        "ginnel-firewall ends: HELLO must be the first request, and only "
        "that");
  check_ended();
}

TEST_CASE_FIXTURE(Hostile, "firewall: garbage undoes and ends") {
  install();
  SUBCASE("an unknown type") {
    CHECK(say(as_bytes("\x63")) ==
          "ginnel-firewall ends: unknown request type 99");
  }
  SUBCASE("too long") {
    std::vector<std::byte> message(kMaxMessage + 1);
    CHECK(say(message) ==
          "ginnel-firewall ends: a message of more than 32768 bytes");
  }
  SUBCASE("a descriptor") {
    CHECK(say(encode(Request(request::Install{})), socket.get()) ==
          "ginnel-firewall ends: a message with a descriptor too many");
  }
  check_ended();
}

TEST_CASE_FIXTURE(Hostile, "firewall: no more than so many") {
  REQUIRE(say(request::Hello{}) == "done");
  SUBCASE("listeners") {
    for (std::size_t i = 0; i < kMaxListeners; ++i) {
      REQUIRE(say(request::Listen{Purpose::kConnections, to("127.0.0.1", 0)}) ==
              "done");
    }
    CHECK(say(request::Listen{Purpose::kConnections, to("127.0.0.1", 0)}) ==
          "ginnel-firewall ends: more than 32 listeners");
  }
  SUBCASE("rules") {
    request::AddRules full;
    full.rules.assign(kMaxRulesInMessage, include("10.0.0.0", 8));
    for (std::size_t i = 0; i < kMaxRules / kMaxRulesInMessage; ++i) {
      REQUIRE(say(full) == "done");
    }
    full.rules.resize(1);
    CHECK(say(full) == "ginnel-firewall ends: more than 65536 networks in all");
  }
  CHECK(say(request::Install{}) == "");
}

TEST_CASE_FIXTURE(Hostile, "firewall: another version is told so") {
  CHECK(say(request::Hello{9}) ==
        "ginnel-firewall ends: ginnel speaks version 9 and ginnel-firewall "
        "version 2; install both from one package");
}

TEST_CASE("firewall: bad arguments exit 2, and no root exits 99") {
  const std::string program = GINNEL_FIREWALL_PROGRAM;
  for (const char* arguments : {"", "--fd", "--fd x", "--fd 0 --connect /x",
                                "--fly 3", "--fd 0", "--fd 77"}) {
    CAPTURE(arguments);
    CHECK(shell(concat(program, " ", arguments, " </dev/null; echo status $?"))
              .find("status 2\n") != std::string::npos);
  }
  CHECK(shell(concat("setpriv --reuid 12345 --clear-groups ", program,
                     " --fd 0; echo status $?")) ==
        "ginnel-firewall: must run as root; start ginnel instead\n"
        "status 99\n");
  CHECK(shell(concat(program, " --connect /nowhere/at/all; echo status $?")) ==
        "ginnel-firewall: connect to /nowhere/at/all: No such file or "
        "directory\nstatus 99\n");
}

}  // namespace
}  // namespace ginnel::firewall
