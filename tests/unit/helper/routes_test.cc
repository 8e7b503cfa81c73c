// SPDX-License-Identifier: GPL-3.0-or-later
// The routes service over a real session, against the kernel's tables in a
// namespace.
#include "helper/services/routes.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <set>

#include "base/strings.h"
#include "names/messages.h"
#include "names/route_order.h"
#include "tests/unit/helper/private_network.h"
#include "tests/unit/helper/service_pair.h"

namespace ginnel {
namespace {

using names::RouteRecord;

// A client that follows the far end's routes.
class Follower {
 public:
  Follower() : asker(pair.open(mux::Service::kRoutes)) {}

  // Reads what has come.
  void read() {
    const auto& bytes = asker->received();
    reader_.feed(Bytes(bytes).subspan(fed_));
    fed_ = bytes.size();
    for (;;) {
      auto record = reader_.next();
      REQUIRE(record.has_value());
      if (!*record) return;
      ++records;
      switch ((*record)->what) {
        case RouteRecord::What::kAdded:
          CHECK(routes.insert((*record)->prefix).second);
          break;
        case RouteRecord::What::kRemoved:
          CHECK(routes.erase((*record)->prefix) == 1);
          break;
        case RouteRecord::What::kComplete:
          ++completes;
      }
    }
  }
  bool sees(const std::string& wanted) {
    return pair.turn([&] {
      read();
      return completes == 1 && text() == wanted;
    });
  }
  std::string text() const {
    std::string text;
    for (const Prefix& route : routes) text += to_string(route) + " ";
    return text;
  }

  ServicePair pair;
  std::shared_ptr<Asker> asker;
  std::set<Prefix> routes;
  int completes = 0;
  std::size_t records = 0;

 private:
  names::RouteReader reader_;
  std::size_t fed_ = 0;
};

void add_interface() {
  shell(
      "ip link add lan0 type veth peer name lan1\n"
      "ip link set lan1 addrgenmode none up\n"
      "ip link set lan0 up\n"
      "ip addr add 10.1.0.5/16 dev lan0\n"
      "ip addr add 2001:db8:1::5/64 dev lan0 nodad");
}

TEST_CASE("routes: what leads elsewhere is told, in both families") {
  PrivateNetwork network;
  add_interface();
  shell(
      "ip route add default via 10.1.0.1\n"
      "ip route add 192.168.7.0/24 via 10.1.0.1\n"
      "ip route add blackhole 10.66.0.0/16\n"
      "ip route add unreachable 10.67.0.0/16\n"
      "ip route add prohibit 10.68.0.0/16\n"
      "ip route add 10.69.0.0/16 via 10.1.0.1 table 7\n"
      "ip route add 169.254.0.0/16 dev lan0\n"
      "ip route add multicast 239.0.0.0/8 dev lan0\n"
      "ip route add 172.30.1.1/32 nexthop via 10.1.0.1 nexthop via 10.1.0.2\n"
      "ip -6 route add default via 2001:db8:1::1\n"
      "ip -6 route add fd00:7::/48 via 2001:db8:1::1\n"
      "ip -6 route add unreachable fd00:8::/48");
  Follower follower;
  CHECK(
      follower.sees("10.1.0.0/16 172.30.1.1/32 192.168.7.0/24 "
                    "2001:db8:1::/64 fd00:7::/48 "));
  CAPTURE(follower.text());
}

TEST_CASE("routes: an empty table is complete") {
  PrivateNetwork network;
  Follower follower;
  CHECK(follower.sees(""));
}

TEST_CASE("routes: changes are followed; a second way keeps a network") {
  PrivateNetwork network;
  add_interface();
  Follower follower;
  REQUIRE(follower.sees("10.1.0.0/16 2001:db8:1::/64 "));
  shell(
      "ip route add 10.9.0.0/16 via 10.1.0.1\n"
      "ip route add 10.9.0.0/16 via 10.1.0.2 metric 5\n"
      "ip -6 route add fd00:9::/48 via 2001:db8:1::1");
  REQUIRE(
      follower.sees("10.1.0.0/16 10.9.0.0/16 2001:db8:1::/64 "
                    "fd00:9::/48 "));
  shell(
      "ip route del 10.9.0.0/16 via 10.1.0.1\n"
      "ip -6 route del fd00:9::/48");
  REQUIRE(follower.sees("10.1.0.0/16 10.9.0.0/16 2001:db8:1::/64 "));
  shell("ip link set lan0 down");
  CHECK(follower.sees(""));
}

TEST_CASE("routes: the host route to the client is not told") {
  PrivateNetwork network;
  ::setenv("SSH_CONNECTION", "10.1.0.77 50000 10.1.0.5 22", 1);
  add_interface();
  shell(
      "ip route add 10.1.0.77/32 via 10.1.0.1\n"
      "ip route add 10.1.0.78/32 via 10.1.0.1");
  Follower follower;
  CHECK(follower.sees("10.1.0.0/16 10.1.0.78/32 2001:db8:1::/64 "));
  ::unsetenv("SSH_CONNECTION");
}

TEST_CASE("routes: of too many, private and wide networks count") {
  PrivateNetwork network;
  add_interface();
  shell(
      "{ for i in $(seq 0 16); do for j in $(seq 0 255); do"
      " echo route add 8.$i.$j.0/24 dev lan0; done; done;"
      " echo route add 9.0.0.0/8 dev lan0;"
      " echo route add 192.168.77.1/32 dev lan0; } | ip -batch -");
  Follower follower;
  CHECK(follower.pair.turn([&] {
    follower.read();
    return follower.completes == 1;
  }));
  CHECK(follower.routes.size() == names::kMaxRoutes);
  CHECK(follower.routes.contains(Prefix(*IpAddress::parse("9.0.0.0"), 8)));
  CHECK(
      follower.routes.contains(Prefix(*IpAddress::parse("192.168.77.1"), 32)));
}

TEST_CASE("routes: a client that does not read is told the difference later") {
  PrivateNetwork network;
  add_interface();
  Follower follower;
  follower.asker->allow(0);
  shell(
      "{ for i in $(seq 0 2); do for j in $(seq 0 255); do"
      " echo route add 10.$((i + 2)).$j.0/24 dev lan0; done; done; }"
      " | ip -batch -");
  follower.pair.turn([&] { return false; }, std::chrono::milliseconds(600));
  shell("ip route flush dev lan0; ip route add 10.200.0.0/16 dev lan0");
  follower.pair.turn([&] { return false; }, std::chrono::milliseconds(600));
  follower.asker->allow(SIZE_MAX);
  CHECK(follower.sees("10.200.0.0/16 2001:db8:1::/64 "));
}

TEST_CASE("routes: the service ends with its stream") {
  PrivateNetwork network;
  Follower follower;
  REQUIRE(follower.sees(""));
  follower.asker->reset();
  auto tasks = running_tasks().size();
  CHECK(follower.pair.turn([&] { return running_tasks().size() < tasks; }));
}

TEST_CASE("routes: the client's address is the first word of SSH_CONNECTION") {
  CHECK(client_address("192.0.2.7 5 192.0.2.1 22") ==
        IpAddress::parse("192.0.2.7"));
  CHECK(client_address("2001:db8::7 5 2001:db8::1 22") ==
        IpAddress::parse("2001:db8::7"));
  CHECK(client_address("::ffff:192.0.2.7 5 ::1 22") ==
        IpAddress::parse("192.0.2.7"));
  CHECK(!client_address("fe80::1%eth0 5 fe80::2%eth0 22"));
  CHECK(!client_address(""));
  CHECK(!client_address("UNKNOWN 65535 UNKNOWN 65535"));
}

TEST_CASE("routes: private networks come first, then the wider") {
  auto prefix = [](const char* address, int length) {
    return Prefix(*IpAddress::parse(address), length);
  };
  CHECK(is_private(prefix("10.0.0.0", 8)));
  CHECK(is_private(prefix("172.31.255.0", 24)));
  CHECK(is_private(prefix("fd00::", 8)));
  CHECK(!is_private(prefix("10.0.0.0", 7)));
  CHECK(!is_private(prefix("172.32.0.0", 16)));
  CHECK(!is_private(prefix("2001:db8::", 32)));
  RouteOrder before;
  CHECK(before(prefix("192.168.1.1", 32), prefix("8.0.0.0", 8)));
  CHECK(before(prefix("8.0.0.0", 8), prefix("4.0.0.0", 9)));
  CHECK(!before(prefix("8.0.0.0", 8), prefix("8.0.0.0", 8)));
}

}  // namespace
}  // namespace ginnel
