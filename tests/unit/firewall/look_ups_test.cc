// SPDX-License-Identifier: GPL-3.0-or-later
// Look-ups on a real kernel: who gets to a listener for DNS, and whether the
// answer seems to come from where the question went. What a question says does
// not matter here, so each says only who it is.
#include <doctest/doctest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "tests/unit/firewall/sandbox.h"

namespace ginnel::firewall {
namespace {

constexpr uid_t kSomeUser = 12345;

// For what has to come: loopback and veth take microseconds.
constexpr int kPatience = 5000;

Endpoint to(const char* address, std::uint16_t port) {
  return Endpoint(ip(address), port);
}

UniqueFd udp_socket(Family family, uid_t user = 0) {
  REQUIRE(::seteuid(user) == 0);
  UniqueFd socket(::socket(IpAddress::any(family).address_family(),
                           SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(::seteuid(0) == 0);
  REQUIRE(socket);
  return socket;
}

// Somebody who asks, from one port.
class Asker {
 public:
  explicit Asker(Family family = Family::kIpv4, uid_t user = 0)
      : socket_(udp_socket(family, user)) {}
  explicit Asker(UniqueFd socket) : socket_(std::move(socket)) {}

  // Over that link, which a link-local address is nothing without.
  void ask(const Endpoint& server, const std::string& what, int link = 0) {
    SocketAddress address(server);
    if (link != 0) {
      reinterpret_cast<sockaddr_in6*>(address.get())->sin6_scope_id =
          static_cast<std::uint32_t>(link);
    }
    REQUIRE(::sendto(socket_.get(), what.data(), what.size(), 0, address.get(),
                     address.size) == static_cast<ssize_t>(what.size()));
  }

  // "ANSWER from ENDPOINT".
  std::string hear() {
    pollfd wait{socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, kPatience) != 1) return "nothing";
    char text[64];
    SocketAddress from;
    ssize_t size =
        ::recvfrom(socket_.get(), text, sizeof text, 0, from.get(), &from.size);
    if (size < 0) return "an error";
    return concat(std::string_view(text, static_cast<std::size_t>(size)),
                  " from ", *from.endpoint());
  }

 private:
  UniqueFd socket_;
};

// Whoever answers look-ups over UDP: the holder of a listener, or a name server
// of the test's.
class Answerer {
 public:
  explicit Answerer(UniqueFd socket) : socket_(std::move(socket)) {}
  // A name server in the namespace we are in.
  explicit Answerer(const Endpoint& where)
      : socket_(udp_socket(where.address.family())) {
    int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    ::setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    SocketAddress address(where);
    REQUIRE(::bind(socket_.get(), address.get(), address.size) == 0);
  }

  // What has been asked, if anything has by now.
  std::optional<std::string> asked(int patience = 0) {
    pollfd wait{socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, patience) != 1) return std::nullopt;
    message_ = {};
    message_.msg_name = &from_;
    message_.msg_namelen = sizeof from_;
    message_.msg_iov = &part_;
    message_.msg_iovlen = 1;
    message_.msg_control = control_;
    message_.msg_controllen = sizeof control_;
    part_ = {text_, sizeof text_};
    ssize_t size = ::recvmsg(socket_.get(), &message_, 0);
    REQUIRE(size >= 0);
    return std::string(text_, static_cast<std::size_t>(size));
  }

  // Answers the last that was asked, from the address it was sent to.
  void answer(const std::string& what) {
    part_ = {const_cast<char*>(what.data()), what.size()};
    message_.msg_flags = 0;
    cmsghdr* control = CMSG_FIRSTHDR(&message_);
    REQUIRE(control != nullptr);
    if (control->cmsg_level == IPPROTO_IPV6) {
      auto* info = reinterpret_cast<in6_pktinfo*>(CMSG_DATA(control));
      // Loopback leads to link-local addresses of this machine only if it is
      // not named.
      if (IN6_IS_ADDR_LOOPBACK(&info->ipi6_addr)) {
        info->ipi6_ifindex = 0;
        reinterpret_cast<sockaddr_in6&>(from_).sin6_scope_id = 0;
      }
    } else {
      auto* info = reinterpret_cast<in_pktinfo*>(CMSG_DATA(control));
      info->ipi_spec_dst = info->ipi_addr;
      info->ipi_ifindex = 0;
    }
    CHECK(::sendmsg(socket_.get(), &message_, 0) ==
          static_cast<ssize_t>(what.size()));
  }

  // Waits for a question and answers it in capitals.
  bool serve() {
    std::optional<std::string> question = asked(kPatience);
    if (!question) return false;
    for (char& byte : *question) byte = static_cast<char>(std::toupper(byte));
    answer(*question);
    return true;
  }

 private:
  UniqueFd socket_;
  sockaddr_storage from_{};
  char text_[64];
  alignas(cmsghdr) char control_[128];
  iovec part_{};
  msghdr message_{};
};

// A machine with listeners for DNS, which is a router for a LAN, too.
struct LookUps : Router {
  // With listeners at these addresses, and everything installed.
  FirewallProxy serve(const std::vector<IpAddress>& name_servers,
                      const Filters& filters = {},
                      const char* four = "127.0.0.1", const char* six = "::1") {
    FirewallProxy proxy = start();
    udp4.emplace(listen(proxy, four, Purpose::kDnsUdp, udp_at4));
    udp6.emplace(listen(proxy, six, Purpose::kDnsUdp, udp_at6));
    tcp4 = listen(proxy, four, Purpose::kDnsTcp, tcp_at4);
    tcp6 = listen(proxy, six, Purpose::kDnsTcp, tcp_at6);
    listener4 = listen(proxy, four, Purpose::kConnections, at4);
    REQUIRE(proxy.set_filters(filters));
    set(proxy, name_servers);
    return proxy;
  }
  FirewallProxy serve_lan(const std::vector<IpAddress>& name_servers,
                          const char* four = "0.0.0.0",
                          const char* six = "::") {
    Filters filters;
    filters.forwarded = true;
    filters.uplinks = {"wan0"};
    return serve(name_servers, filters, four, six);
  }

  UniqueFd listen(FirewallProxy& proxy, const char* where, Purpose purpose,
                  Endpoint& at) {
    auto listener = proxy.listen(to(where, 0), purpose);
    REQUIRE(listener);
    at = listener->endpoint;
    return std::move(listener->socket);
  }

  void set(FirewallProxy& proxy, const std::vector<IpAddress>& name_servers) {
    REQUIRE(proxy.set_name_servers(name_servers));
    install(proxy);
  }
  void install(FirewallProxy& proxy) {
    Result<void> installed = proxy.install();
    if (!installed) FAIL(installed.error().message());
  }

  // Whether a look-up from here is captured, and answered as it should be.
  bool captured(const IpAddress& server, int link = 0) {
    Asker asker(server.family());
    return captured(asker, server, link);
  }
  bool captured(Asker& asker, const IpAddress& server, int link = 0) {
    Answerer& answerer = server.family() == Family::kIpv4 ? *udp4 : *udp6;
    Endpoint where(server, 53);
    asker.ask(where, "who", link);
    if (!answerer.asked()) return false;
    answerer.answer("WHO");
    std::string heard = asker.hear();
    CHECK(heard == concat("WHO from ", where));
    return true;
  }
  // The same for somebody in `where`.
  bool captured(const NetworkNamespace& where, const IpAddress& server,
                int link = 0) {
    where.enter();
    Asker asker(server.family());
    home.enter();
    return captured(asker, server, link);
  }

  std::optional<Answerer> udp4;
  std::optional<Answerer> udp6;
  UniqueFd tcp4;
  UniqueFd tcp6;
  Endpoint udp_at4;
  Endpoint udp_at6;
  Endpoint tcp_at4;
  Endpoint tcp_at6;
};

// A name server of another's, in that namespace; we are home again then.
Answerer name_server(LookUps& test, const NetworkNamespace& where,
                     const Endpoint& at) {
  where.enter();
  Answerer server(at);
  test.home.enter();
  return server;
}

TEST_CASE_FIXTURE(LookUps, "look-ups: own ones, answered by who was asked") {
  shell("ip addr add fe80::5/64 dev wan0 nodad");
  FirewallProxy proxy =
      serve({ip("127.0.0.53"), ip("192.0.2.2"), ip("9.9.9.9"), ip("192.0.2.1"),
             ip("2001:db8:1::2"), ip("2001:db8:1::1"), ip("2620:fe::fe"),
             ip("::1"), ip("fe80::1")});
  int wan = static_cast<int>(::if_nametoindex("wan0"));
  CHECK(captured(ip("127.0.0.53")));
  CHECK(captured(ip("192.0.2.2")));
  CHECK(captured(ip("9.9.9.9")));
  CHECK(captured(ip("192.0.2.1")));
  CHECK(captured(ip("2001:db8:1::2")));
  CHECK(captured(ip("2001:db8:1::1")));
  CHECK(captured(ip("2620:fe::fe")));
  CHECK(captured(ip("::1")));
  CHECK(captured(ip("fe80::1"), wan));
  // Not the rest of the world's name servers.
  CHECK_FALSE(captured(ip("192.0.2.3")));
  CHECK_FALSE(captured(ip("127.0.0.54")));
  CHECK_FALSE(captured(ip("2001:db8:1::3")));
}

TEST_CASE_FIXTURE(LookUps, "look-ups: over TCP, too") {
  FirewallProxy proxy =
      serve({ip("127.0.0.53"), ip("9.9.9.9"), ip("2620:fe::fe")});
  for (auto where : {to("127.0.0.53", 53), to("9.9.9.9", 53)}) {
    CHECK(connect_to(where) == Outcome::kConnected);
    CHECK(original_destination(tcp4) == where);
  }
  CHECK(connect_to(to("2620:fe::fe", 53)) == Outcome::kConnected);
  CHECK(original_destination(tcp6) == to("2620:fe::fe", 53));
  CHECK(connect_to(to("9.9.9.10", 53)) == Outcome::kRefused);
  CHECK(connect_to(to("9.9.9.9", 54)) == Outcome::kRefused);
  CHECK_FALSE(has_waiting(listener4));
}

TEST_CASE_FIXTURE(LookUps, "look-ups: other ports of a name server are not") {
  Answerer other = name_server(*this, outside, to("192.0.2.2", 5353));
  FirewallProxy proxy = serve({ip("192.0.2.2")});
  Asker asker;
  asker.ask(to("192.0.2.2", 5353), "who");
  CHECK(other.asked(kPatience) == "who");
  CHECK_FALSE(udp4->asked());
}

TEST_CASE_FIXTURE(LookUps, "look-ups: a marked socket's go their own way") {
  Answerer real4 = name_server(*this, outside, to("192.0.2.2", 53));
  Answerer real6 = name_server(*this, outside, to("2001:db8:1::2", 53));
  FirewallProxy proxy = serve({ip("192.0.2.2"), ip("2001:db8:1::2")});
  for (auto [server, real] : {std::pair(to("192.0.2.2", 53), &real4),
                              std::pair(to("2001:db8:1::2", 53), &real6)}) {
    auto socket = proxy.marked_socket(server.address.family(),
                                      firewall::SocketKind::kUdp);
    REQUIRE(socket);
    Asker asker(std::move(*socket));
    asker.ask(server, "who");
    CHECK(real->serve());
    CHECK(asker.hear() == concat("WHO from ", server));
    CHECK(captured(server.address));
  }
}

TEST_CASE_FIXTURE(LookUps, "look-ups: of one user only") {
  Answerer stub(to("127.0.0.53", 53));
  Filters filters;
  filters.user = kSomeUser;
  FirewallProxy proxy = serve({ip("127.0.0.53")}, filters);
  Asker user(Family::kIpv4, kSomeUser);
  CHECK(captured(user, ip("127.0.0.53")));
  Asker other;
  CHECK_FALSE(captured(other, ip("127.0.0.53")));
  CHECK(stub.serve());
  CHECK(other.hear() == "WHO from 127.0.0.53:53");
}

TEST_CASE_FIXTURE(LookUps, "look-ups: of a LAN, to this machine or past it") {
  const char* four = "0.0.0.0";
  const char* six = "::";
  SUBCASE("to wildcard listeners") {}
  SUBCASE("to listeners on the LAN's addresses") {
    four = "192.168.7.1";
    six = "fd00:7::1";
  }
  shell("ip addr add fe80::7/64 dev br0 nodad");
  lan.enter();
  shell("ip addr add fe80::8/64 dev lan nodad");
  int link = static_cast<int>(::if_nametoindex("lan"));
  home.enter();
  FirewallProxy proxy =
      serve_lan({ip("192.0.2.2"), ip("2001:db8:1::2")}, four, six);
  CHECK(captured(lan, ip("192.168.7.1")));
  CHECK(captured(lan, ip("192.0.2.1")));
  CHECK(captured(lan, ip("192.0.2.2")));
  CHECK(captured(lan, ip("fd00:7::1")));
  CHECK(captured(lan, ip("2001:db8:1::1")));
  CHECK(captured(lan, ip("2001:db8:1::2")));
  CHECK(captured(lan, ip("fe80::7"), link));
  CHECK_FALSE(captured(lan, ip("9.9.9.9")));
  CHECK(from(lan, to("192.168.7.1", 53)) == Outcome::kConnected);
  CHECK(original_destination(tcp4) == to("192.168.7.1", 53));
  CHECK(from(lan, to("fd00:7::1", 53)) == Outcome::kConnected);
  CHECK(original_destination(tcp6) == to("fd00:7::1", 53));
  CHECK(from(lan, to("192.0.2.2", 53)) == Outcome::kConnected);
  CHECK(original_destination(tcp4) == to("192.0.2.2", 53));
  // Own ones still.
  CHECK(captured(ip("192.0.2.2")));
}

TEST_CASE_FIXTURE(LookUps,
                  "look-ups: only the LAN's, and not to the router's "
                  "own name server from itself") {
  Answerer own(to("192.168.7.1", 53));
  Answerer public_one(to("192.0.2.1", 53));
  FirewallProxy proxy = serve_lan({ip("192.0.2.2")});
  Asker here;
  CHECK_FALSE(captured(here, ip("192.168.7.1")));
  CHECK(own.serve());
  CHECK(here.hear() == "WHO from 192.168.7.1:53");
  // A neighbour on the uplink is served by whom it asks.
  outside.enter();
  Asker neighbour;
  home.enter();
  CHECK_FALSE(captured(neighbour, ip("192.0.2.1")));
  CHECK(public_one.serve());
  CHECK(neighbour.hear() == "WHO from 192.0.2.1:53");
  CHECK(captured(lan, ip("192.168.7.1")));
}

TEST_CASE_FIXTURE(LookUps, "look-ups: a stranger at the listener is dropped") {
  FirewallProxy proxy = serve_lan({ip("192.0.2.2")});
  auto at = [](const char* address, const Endpoint& listener) {
    return to(address, listener.port);
  };
  lan.enter();
  Asker four;
  Asker six(Family::kIpv6);
  home.enter();
  four.ask(at("192.168.7.1", udp_at4), "who");
  six.ask(at("fd00:7::1", udp_at6), "who");
  CHECK(from(lan, at("192.168.7.1", tcp_at4)) == Outcome::kNoAnswer);
  CHECK(from(lan, at("fd00:7::1", tcp_at6)) == Outcome::kNoAnswer);
  Asker own;
  own.ask(at("127.0.0.1", udp_at4), "who");
  CHECK(connect_to(at("127.0.0.1", tcp_at4)) == Outcome::kNoAnswer);
  CHECK_FALSE(udp4->asked());
  CHECK_FALSE(udp6->asked());
  // As a look-up it gets there.
  CHECK(captured(four, ip("192.168.7.1")));
  CHECK(captured(six, ip("fd00:7::1")));
}

TEST_CASE_FIXTURE(LookUps,
                  "look-ups: from a port that asked before the start, "
                  "and after the end") {
  Answerer real4 = name_server(*this, outside, to("192.0.2.2", 53));
  Answerer real6 = name_server(*this, outside, to("2001:db8:1::2", 53));
  Answerer stub(to("127.0.0.53", 53));
  Asker asker4;
  Asker asker6(Family::kIpv6);
  Asker local;
  // Others keep track of connections and translate them, too: without them the
  // kernel would begin and stop with us.
  shell(
      "nft add chain inet test watch "
      "'{ type nat hook output priority 50; }' && "
      "nft add rule inet test watch ct state new accept");
  before = ruleset();
  auto ask_all = [&] {
    asker4.ask(to("192.0.2.2", 53), "who");
    asker6.ask(to("2001:db8:1::2", 53), "who");
    local.ask(to("127.0.0.53", 53), "who");
  };
  ask_all();
  CHECK(real4.serve());
  CHECK(real6.serve());
  CHECK(stub.serve());
  for (Asker* each : {&asker4, &asker6, &local}) {
    CHECK(each->hear().starts_with("WHO"));
  }
  FirewallProxy proxy =
      serve({ip("192.0.2.2"), ip("2001:db8:1::2"), ip("127.0.0.53")});
  CHECK(captured(asker4, ip("192.0.2.2")));
  CHECK(captured(asker6, ip("2001:db8:1::2")));
  CHECK(captured(local, ip("127.0.0.53")));
  pid_t process = children_of(::getpid()).front();
  SUBCASE("in order") { proxy.close(); }
  SUBCASE("by kill") { ::kill(process, SIGKILL); }
  SUBCASE("by kill of its guard") {
    ::kill(children_of(process).front(), SIGKILL);
  }
  (void)proxy.wait_undone().has_value();
  CHECK(eventually([&] { return ruleset() == before; }));
  ask_all();
  CHECK(real4.serve());
  CHECK(real6.serve());
  CHECK(stub.serve());
  CHECK(asker4.hear() == "WHO from 192.0.2.2:53");
  CHECK(asker6.hear() == "WHO from [2001:db8:1::2]:53");
  CHECK(local.hear() == "WHO from 127.0.0.53:53");
}

TEST_CASE_FIXTURE(LookUps, "look-ups: other name servers, while it runs") {
  Answerer real = name_server(*this, outside, to("192.0.2.2", 53));
  FirewallProxy proxy = serve({ip("127.0.0.53"), ip("9.9.9.9")});
  Asker stays;
  Asker comes;
  Asker goes;
  comes.ask(to("192.0.2.2", 53), "who");
  CHECK(real.serve());
  CHECK(comes.hear() == "WHO from 192.0.2.2:53");
  CHECK(captured(goes, ip("9.9.9.9")));
  // One is on its way while the rules change.
  stays.ask(to("127.0.0.53", 53), "who");
  REQUIRE(udp4->asked(kPatience));
  set(proxy, {ip("127.0.0.53"), ip("192.0.2.2")});
  udp4->answer("WHO");
  CHECK(stays.hear() == "WHO from 127.0.0.53:53");
  CHECK(captured(stays, ip("127.0.0.53")));
  CHECK(captured(comes, ip("192.0.2.2")));
  CHECK_FALSE(captured(goes, ip("9.9.9.9")));
  set(proxy, {});
  CHECK_FALSE(captured(stays, ip("127.0.0.53")));
  comes.ask(to("192.0.2.2", 53), "who");
  CHECK(real.serve());
}

}  // namespace
}  // namespace ginnel::firewall
