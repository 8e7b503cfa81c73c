// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/proc_net_tcp.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <iterator>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace ginnel::names {
namespace {

std::string text(const std::set<IpAddress>& peers) {
  std::string text;
  for (const IpAddress& peer : peers) text += to_string(peer) + " ";
  return text;
}

// The kernel writes words in the machine's order; these lines are x86's.
constexpr const char* kIpv4 =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n"
    "   0: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000\n"
    "   1: 0500010A:9C40 0900010A:0016 01 00000000:00000000 00:00000000\n"
    "   2: 0500010A:9C41 0A00010A:0016 06 00000000:00000000 00:00000000\n";
constexpr const char* kIpv6 =
    "   0: B80D0120000001000000000005000000:0016 "
    "B80D0120000001000000000009000000:9C40 01 00000000:00000000\n"
    "   1: 0000000000000000FFFF00000500010A:0016 "
    "0000000000000000FFFF00000B00010A:9C40 01 00000000:00000000\n";

TEST_CASE("proc net tcp: the other ends of what is established") {
  CHECK(text(connected_peers(kIpv4, 10)) == "10.1.0.9 ");
  CHECK(text(connected_peers(kIpv6, 10)) == "10.1.0.11 2001:db8:1::9 ");
  CHECK(connected_peers(kIpv6, 1).size() == 1);
  CHECK(connected_peers(kIpv6, 0).empty());
}

TEST_CASE("proc net tcp: malformed lines are passed over") {
  for (const char* bad :
       {"", "\n\n", "01", "a b c 01", "0: x 0900010A 01", "0: x 0900010:1 01",
        "0: x 0900010AB:1 01", "0: x 09000X0A:1 01", "0: x -900010A:1 01",
        "0: x B80D01200000010000000000:1 01"}) {
    CAPTURE(bad);
    std::string all = concat(bad, "\n", kIpv4);
    CHECK(text(connected_peers(all, 10)) == "10.1.0.9 ");
  }
}

TEST_CASE("proc net tcp: the kernel's own words about a connection") {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SocketAddress at(Endpoint(*IpAddress::parse("127.0.0.77"), 0));
  REQUIRE(::bind(listener.get(), at.get(), at.size) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), at.get(), &at.size) == 0);
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(socket.get(), at.get(), at.size) == 0);
  std::ifstream file("/proc/self/net/tcp");
  std::string all(std::istreambuf_iterator<char>(file), {});
  auto peers = connected_peers(all, 100000);
  CHECK(peers.contains(*IpAddress::parse("127.0.0.77")));
}

}  // namespace
}  // namespace ginnel::names
