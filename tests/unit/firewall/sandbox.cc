// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/firewall/sandbox.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// After libc's.
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

using namespace std::chrono_literals;

// For what must not be answered. Loopback and veth answer within 1 ms.
constexpr int kNoAnswerMilliseconds = 400;

// A mount namespace with an empty /run, once for the whole test program.
void hide_run() {
  static const bool hidden = [] {
    REQUIRE_MESSAGE(::geteuid() == 0, "these tests need root");
    REQUIRE(::unshare(CLONE_NEWNS) == 0);
    REQUIRE(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    REQUIRE(::mount("tmpfs", "/run", "tmpfs", 0, "mode=755") == 0);
    return true;
  }();
  REQUIRE(hidden);
}

}  // namespace

NetworkNamespace::NetworkNamespace() {
  hide_run();
  REQUIRE(::unshare(CLONE_NEWNET) == 0);
  fd_.reset(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  REQUIRE(fd_);
  shell("ip link set lo up");
}

void NetworkNamespace::enter() const {
  REQUIRE(::setns(fd_.get(), CLONE_NEWNET) == 0);
}

std::string shell(const std::string& command) {
  std::FILE* pipe = ::popen(("(" + command + "\n) 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char part[4096];
  std::size_t size;
  while ((size = std::fread(part, 1, sizeof part, pipe)) > 0) {
    text.append(part, size);
  }
  int status = ::pclose(pipe);
  CAPTURE(command);
  CAPTURE(text);
  REQUIRE(status == 0);
  return text;
}

std::string ruleset() { return shell("nft list ruleset"); }

IpAddress ip(const char* text) { return *IpAddress::parse(text); }
Rule include(const char* address, int length, PortRange ports) {
  return Rule(Prefix(ip(address), length), ports, Action::kInclude);
}
Rule exclude(const char* address, int length, PortRange ports) {
  return Rule(Prefix(ip(address), length), ports, Action::kExclude);
}

bool eventually(const std::function<bool()>& done) {
  auto end = std::chrono::steady_clock::now() + 10s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

Outcome connect_to(const Endpoint& to, uid_t user) {
  REQUIRE(::seteuid(user) == 0);
  UniqueFd socket(
      ::socket(to.address.address_family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::seteuid(0) == 0);
  REQUIRE(socket);
  return connect_to(socket, to);
}

Outcome connect_to(const UniqueFd& socket, const Endpoint& to) {
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  SocketAddress address(to);
  int error = 0;
  if (::connect(socket.get(), address.get(), address.size) < 0) error = errno;
  if (error == EINPROGRESS) {
    pollfd wait{socket.get(), POLLOUT, 0};
    if (::poll(&wait, 1, kNoAnswerMilliseconds) == 0) return Outcome::kNoAnswer;
    socklen_t size = sizeof error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error == 0) return Outcome::kConnected;
  if (error == ECONNREFUSED) return Outcome::kRefused;
  MESSAGE("connect to ", to_string(to), ": errno ", error);
  return Outcome::kOther;
}

bool has_waiting(const UniqueFd& listener) {
  pollfd wait{listener.get(), POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;
}

Endpoint original_destination(const UniqueFd& listener) {
  REQUIRE(has_waiting(listener));
  SocketAddress peer;
  UniqueFd connection(
      ::accept4(listener.get(), peer.get(), &peer.size, SOCK_CLOEXEC));
  REQUIRE(connection);
  bool ipv4 = peer.storage.ss_family == AF_INET;
  SocketAddress original;
  REQUIRE(::getsockopt(connection.get(), ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                       ipv4 ? SO_ORIGINAL_DST : IP6T_SO_ORIGINAL_DST,
                       original.get(), &original.size) == 0);
  return *original.endpoint();
}

Sandbox::Sandbox() {
  home.enter();
  shell("ip link add wan0 type veth peer name wan1");
  shell(concat("ip link set wan1 netns /proc/", ::getpid(), "/fd/",
               outside.fd().get()));
  shell(
      "ip addr add 192.0.2.1/24 dev wan0 && "
      "ip addr add 2001:db8:1::1/64 dev wan0 nodad && ip link set wan0 up && "
      "ip route add default via 192.0.2.2 && "
      "ip route add default via 2001:db8:1::2 && "
      "sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
  shell(R"(nft -f - <<'END'
table inet test {
  chain out {
    type filter hook output priority 0
    tcp flags & (syn | ack) == syn fib daddr type != local reject with tcp reset
  }
  chain through {
    type filter hook forward priority 0
    reject with tcp reset
  }
}
END
)");
  outside.enter();
  shell(
      "ip addr add 192.0.2.2/24 dev wan1 && "
      "ip addr add 2001:db8:1::2/64 dev wan1 nodad && ip link set wan1 up && "
      "ip route add default via 192.0.2.1 && "
      "ip route add default via 2001:db8:1::1");
  home.enter();
  before = ruleset();
}

// Every firewall that a case has started is closed by now, and ends.
Sandbox::~Sandbox() {
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
}

FirewallProxy Sandbox::start(bool owner_flag) {
  FirewallProxy::Start start;
  start.program = GINNEL_FIREWALL_PROGRAM;
  start.owner_flag = owner_flag;
  Result<FirewallProxy> proxy = FirewallProxy::start_as_root(start);
  if (!proxy) FAIL(proxy.error().message());
  return std::move(*proxy);
}

FirewallProxy Sandbox::capture(const std::vector<Rule>& rules,
                               const Filters& filters, bool owner_flag) {
  FirewallProxy proxy = start(owner_flag);
  auto four = proxy.listen(Endpoint(ip("127.0.0.1"), 0));
  auto six = proxy.listen(Endpoint(ip("::1"), 0));
  REQUIRE(four);
  REQUIRE(six);
  listener4 = std::move(four->socket);
  listener6 = std::move(six->socket);
  at4 = four->endpoint;
  at6 = six->endpoint;
  REQUIRE(proxy.add_rules(rules));
  REQUIRE(proxy.set_filters(filters));
  Result<void> installed = proxy.install();
  if (!installed) FAIL(installed.error().message());
  return proxy;
}

Router::Router() {
  home.enter();
  shell("ip link add br0 type veth peer name lan");
  shell(concat("ip link set lan netns /proc/", ::getpid(), "/fd/",
               lan.fd().get()));
  shell(
      "ip addr add 192.168.7.1/24 dev br0 && "
      "ip addr add fd00:7::1/64 dev br0 nodad && ip link set br0 up");
  lan.enter();
  shell(
      "ip addr add 192.168.7.2/24 dev lan && "
      "ip addr add fd00:7::2/64 dev lan nodad && ip link set lan up && "
      "ip route add default via 192.168.7.1 && "
      "ip route add default via fd00:7::1");
  home.enter();
}

FirewallProxy Router::route(const std::vector<Rule>& rules, const char* four,
                            const char* six, Filters filters) {
  FirewallProxy proxy = start();
  auto first = proxy.listen(Endpoint(ip(four), 0));
  auto second = proxy.listen(Endpoint(ip(six), 0));
  REQUIRE(first);
  REQUIRE(second);
  listener4 = std::move(first->socket);
  listener6 = std::move(second->socket);
  at4 = first->endpoint;
  at6 = second->endpoint;
  REQUIRE(proxy.add_rules(rules));
  filters.forwarded = true;
  REQUIRE(proxy.set_filters(filters));
  Result<void> installed = proxy.install();
  if (!installed) FAIL(installed.error().message());
  return proxy;
}

Outcome Router::from(const NetworkNamespace& where, const Endpoint& target) {
  where.enter();
  Outcome outcome = connect_to(target);
  home.enter();
  return outcome;
}

std::vector<pid_t> children_of(pid_t process) {
  std::ifstream list(concat("/proc/", process, "/task/", process, "/children"));
  std::vector<pid_t> children;
  for (pid_t child; list >> child;) children.push_back(child);
  return children;
}

}  // namespace ginnel::firewall
