// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/leftovers.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/strings.h"
#include "firewall/tcp_sockets.h"
#include "tests/unit/firewall/sandbox.h"
#include "tests/unit/firewall/tracked.h"

namespace ginnel::firewall {
namespace {

Endpoint at(const char* address, std::uint16_t port) {
  return Endpoint(ip(address), port);
}

Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(10);
}

UniqueFd tcp_socket(Family family = Family::kIpv4) {
  int domain = IpAddress::any(family).address_family();
  return UniqueFd(::socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

Endpoint name_of(const UniqueFd& socket) {
  SocketAddress address;
  REQUIRE(::getsockname(socket.get(), address.get(), &address.size) == 0);
  return *address.endpoint();
}

UniqueFd listen_at(const Endpoint& where) {
  UniqueFd listener = tcp_socket(where.address.family());
  SocketAddress address(where);
  REQUIRE(::bind(listener.get(), address.get(), address.size) == 0);
  REQUIRE(::listen(listener.get(), 4096) == 0);
  return listener;
}

UniqueFd accept_from(const UniqueFd& listener) {
  return UniqueFd(::accept4(listener.get(), nullptr, nullptr,
                            SOCK_CLOEXEC | SOCK_NONBLOCK));
}

// How a connection that should have ended did; waits for it.
std::string end_of(const UniqueFd& socket) {
  pollfd wait{socket.get(), POLLIN, 0};
  if (::poll(&wait, 1, 5000) == 0) return "none";
  char byte;
  ssize_t size = ::recv(socket.get(), &byte, 1, MSG_DONTWAIT);
  return size == 0 ? "end of file" : size > 0 ? "data" : std::strerror(errno);
}

bool is_open(const UniqueFd& socket) {
  char byte;
  return ::recv(socket.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

// One that was diverted to a listener: both of its sockets.
struct Pair {
  Pair(const Endpoint& target, const UniqueFd& listener)
      : app(tcp_socket(target.address.family())) {
    REQUIRE(connect_to(app, target) == Outcome::kConnected);
    accepted = accept_from(listener);
    REQUIRE(accepted);
  }
  UniqueFd app;
  UniqueFd accepted;
};

std::vector<Rule> ten_nine() {
  return {include("10.9.0.0", 16), include("fd09::", 16)};
}

pid_t only_child_of(pid_t process) {
  std::vector<pid_t> children = children_of(process);
  REQUIRE(children.size() == 1);
  return children.front();
}

void check_reset(const Pair& pair) {
  CHECK(end_of(pair.app) == "Connection reset by peer");
  CHECK(end_of(pair.accepted) == "Software caused connection abort");
}

void end_somehow(Sandbox& sandbox, bool owner_flag) {
  FirewallProxy proxy = sandbox.capture(ten_nine(), {}, owner_flag);
  Pair four(at("10.9.1.1", 80), sandbox.listener4);
  Pair six(at("fd09::1", 80), sandbox.listener6);
  UniqueFd waiting = tcp_socket();
  REQUIRE(connect_to(waiting, at("10.9.1.1", 80)) == Outcome::kConnected);
  REQUIRE(is_open(four.app));
  REQUIRE(all_tracked().size() == 3);
  pid_t process = only_child_of(::getpid());
  SUBCASE("of ginnel") { proxy.close(); }
  SUBCASE("of the firewall") { ::kill(process, SIGKILL); }
  SUBCASE("of its guard") { ::kill(only_child_of(process), SIGKILL); }
  check_reset(four);
  check_reset(six);
  CHECK(end_of(waiting) == "Connection reset by peer");
  (void)proxy.wait_undone().has_value();
  CHECK(eventually([] { return all_tracked().empty(); }));
  CHECK(eventually([&] { return ruleset() == sandbox.before; }));
}

TEST_CASE_FIXTURE(Sandbox, "leftovers: open connections see the end") {
  SUBCASE("the kernel owns the table") { end_somehow(*this, true); }
  SUBCASE("an old kernel") { end_somehow(*this, false); }
}

TEST_CASE_FIXTURE(Sandbox, "leftovers: of two, one's end is its own") {
  FirewallProxy first = capture({include("10.9.0.0", 16)});
  Pair theirs(at("10.9.1.1", 80), listener4);
  UniqueFd kept = std::move(listener4);
  FirewallProxy second = capture({include("10.10.0.0", 16)});
  Pair ours(at("10.10.1.1", 80), listener4);
  second.close();
  CHECK(second.wait_undone());
  check_reset(ours);
  CHECK(is_open(theirs.app));
  CHECK(is_open(theirs.accepted));
  CHECK(all_tracked().size() == 1);
}

TEST_CASE_FIXTURE(Sandbox, "leftovers: only dead connections are forgotten") {
  shell("nft flush chain inet test out");
  outside.enter();
  shell("ip addr add 10.9.1.1/32 dev lo");
  UniqueFd server = listen_at(at("10.9.1.1", 80));
  home.enter();
  // Something that tracks connections, before ginnel does.
  shell("nft add rule inet test out ct state invalid drop");
  UniqueFd direct = tcp_socket();
  REQUIRE(connect_to(direct, at("10.9.1.1", 80)) == Outcome::kConnected);
  UniqueFd answering = accept_from(server);
  std::string live = concat(name_of(direct), " > 10.9.1.1:80 < 10.9.1.1:80");

  auto away = at("10.9.1.1", 81);
  auto other = at("10.8.1.1", 80);
  enter_tracked({tracked(at("192.0.2.1", 1), away, at("127.0.0.1", 9)),
                 tracked(at("192.0.2.1", 2), away, at("192.0.2.1", 9)),
                 tracked(at("192.0.2.1", 3), away, away),
                 tracked(at("192.0.2.1", 4), other, other),
                 tracked(at("192.168.7.2", 5), away, away),
                 tracked(at("192.168.7.2", 6), away, at("172.17.0.2", 81)),
                 tracked(at("192.168.7.2", 7), away, at("192.0.2.1", 9))});
  std::vector<std::string> alive = {
      "192.0.2.1:4 > 10.8.1.1:80 < 10.8.1.1:80",
      "192.168.7.2:5 > 10.9.1.1:81 < 10.9.1.1:81",
      "192.168.7.2:6 > 10.9.1.1:81 < 172.17.0.2:81", live};
  std::sort(alive.begin(), alive.end());
  REQUIRE(all_tracked().size() == 8);
  FirewallProxy proxy = capture(ten_nine());
  CHECK(all_tracked() == alive);
  CHECK(::send(direct.get(), "x", 1, MSG_NOSIGNAL) == 1);
  CHECK(end_of(answering) == "data");
}

TEST_CASE("leftovers: thousands of entries are forgotten, others stay") {
  NetworkNamespace home;
  std::vector<UniqueFd> listeners;
  listeners.push_back(listen_at(at("127.0.0.1", 0)));
  std::vector<TrackedConnection> many;
  for (std::uint16_t port = 1; port <= 5000; ++port) {
    many.push_back(tracked(at("192.0.2.1", port), at("10.9.1.1", 80),
                           name_of(listeners.front())));
  }
  auto direct = name_of(listeners.front());
  many.push_back(tracked(at("192.0.2.2", 1), direct, direct));
  many.push_back(tracked(at("192.0.2.2", 2), at("10.9.1.2", 80),
                         at("127.0.0.2", direct.port)));
  enter_tracked(many);
  auto began = std::chrono::steady_clock::now();
  end_diverted(listeners);
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  MESSAGE("5000 entries took ", took.count(), " s");
  CHECK(all_tracked().size() == 2);
}

TEST_CASE("leftovers: look-ups of a name server are forgotten, no others") {
  NetworkNamespace home;
  auto udp = [](const Endpoint& from, const Endpoint& to,
                const Endpoint& answerer) {
    return tracked(from, to, answerer, IPPROTO_UDP);
  };
  const Endpoint four = at("192.0.2.1", 40000);
  const Endpoint six = at("2001:db8::1", 40000);
  const Endpoint stub = at("127.0.0.53", 53);
  const Endpoint far_one = at("2620:fe::fe", 53);
  enter_tracked({
      // Diverted, not diverted, and begun by its answer.
      udp(four, stub, at("127.0.0.1", 12400)),
      udp(six, far_one, far_one),
      udp(stub, at("192.0.2.1", 40001), at("192.0.2.1", 40001)),
      // To this machine.
      udp(at("192.168.7.2", 40000), at("127.0.0.1", 53), at("127.0.0.1", 53)),
      // What is left: another server, another port, another protocol.
      udp(four, at("9.9.9.9", 53), at("9.9.9.9", 53)),
      udp(four, at("127.0.0.53", 5353), at("127.0.0.53", 5353)),
      tracked(four, stub, stub),
  });
  std::vector<IpAddress> servers = {ip("127.0.0.53"), ip("2620:fe::fe")};
  auto none = [](const TrackedConnection&) { return false; };
  forget_look_ups(servers, true, none);
  CHECK(all_tracked(IPPROTO_UDP) ==
        std::vector<std::string>{
            "192.0.2.1:40000 > 127.0.0.53:5353 < 127.0.0.53:5353",
            "192.0.2.1:40000 > 9.9.9.9:53 < 9.9.9.9:53"});
  CHECK(all_tracked().size() == 1);
}

TEST_CASE("leftovers: look-ups are found among many connections") {
  NetworkNamespace home;
  std::vector<TrackedConnection> many;
  for (int i = 0; i < 30'000; ++i) {
    auto to = at(i % 2 != 0 ? "9.9.9.9" : "10.9.1.1", 53);
    many.push_back(tracked(at(i % 3 != 0 ? "192.0.2.1" : "192.0.2.2",
                              static_cast<std::uint16_t>(1024 + i)),
                           to, to, i % 100 == 0 ? IPPROTO_UDP : IPPROTO_TCP));
  }
  enter_tracked(many);
  auto began = std::chrono::steady_clock::now();
  auto none = [](const TrackedConnection&) { return false; };
  forget_look_ups(std::vector{ip("10.9.1.1")}, false, none);
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  MESSAGE("300 of 30 000 took ", took.count(), " s");
  CHECK(all_tracked(IPPROTO_UDP).empty());
  CHECK(all_tracked().size() == 29'700);
}

TEST_CASE("tcp sockets: a connection's two are listed, by port too") {
  NetworkNamespace home;
  UniqueFd listener = listen_at(at("127.0.0.1", 0));
  UniqueFd client = tcp_socket();
  REQUIRE(connect_to(client, name_of(listener)) == Outcome::kConnected);
  std::vector<std::string> ends;
  auto note = [&](const TcpSocket& socket) {
    ends.push_back(concat(socket.local, " ", socket.remote));
  };
  REQUIRE(list_tcp_sockets(Which::kAll, 0, note, soon()));
  CHECK(ends.size() == 2);
  ends.clear();
  REQUIRE(list_tcp_sockets(Which::kOpen, name_of(client).port, note, soon()));
  CHECK(ends == std::vector<std::string>{
                    concat(name_of(client), " ", name_of(listener))});
}

TEST_CASE("tcp sockets: IPv4 by way of an IPv6 socket is IPv4, and ends") {
  NetworkNamespace home;
  UniqueFd listener = listen_at(at("::", 0));
  UniqueFd client = tcp_socket();
  Endpoint to = at("127.0.0.1", name_of(listener).port);
  REQUIRE(connect_to(client, to) == Outcome::kConnected);
  std::vector<TcpSocket> found;
  REQUIRE(list_tcp_sockets(
      Which::kOpen, to.port,
      [&](const TcpSocket& socket) { found.push_back(socket); }, soon()));
  REQUIRE(found.size() == 1);
  CHECK(found.front().local == to);
  CHECK(reset_tcp_sockets(found, soon()));
  CHECK(end_of(client) == "Connection reset by peer");
  // It is gone already.
  CHECK(reset_tcp_sockets(found, soon()));
}

TEST_CASE("tcp sockets: a message cut short is no socket") {
  // Its length, its type (SOCK_DIAG_BY_FAMILY), and the family after 16 bytes.
  std::vector<std::byte> whole(16 + 72);
  whole[0] = std::byte{88};
  whole[4] = std::byte{20};
  whole[16] = std::byte{AF_INET};
  REQUIRE(parse_tcp_socket(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    std::vector<std::byte> cut(whole.begin(), whole.begin() + size);
    CHECK_FALSE(parse_tcp_socket(cut));
    if (size >= 16) cut[0] = static_cast<std::byte>(size);
    CHECK_FALSE(parse_tcp_socket(cut));
  }
  whole[16] = std::byte{AF_UNIX};
  CHECK_FALSE(parse_tcp_socket(whole));
}

}  // namespace
}  // namespace ginnel::firewall
