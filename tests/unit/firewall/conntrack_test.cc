// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/conntrack.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

// After libc's.
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <chrono>
#include <cstring>

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

TrackedConnection ipv4_example() {
  return tracked(at("192.0.2.1", 40000), at("10.9.1.1", 80),
                 at("127.0.0.1", 12300));
}
TrackedConnection ipv6_example() {
  return tracked(at("2001:db8::1", 40000), at("fd09::1", 80), at("::1", 12300));
}

// With the length that its header tells.
void set_length(std::vector<std::byte>& message, std::size_t length) {
  auto number = static_cast<std::uint32_t>(length);
  std::memcpy(message.data(), &number, sizeof number);
}

TEST_CASE("conntrack: an entry of the kernel's list is read") {
  TrackedConnection wanted = ipv4_example();
  SUBCASE("IPv4") {}
  SUBCASE("IPv6") { wanted = ipv6_example(); }
  SUBCASE("UDP") { wanted.protocol = IPPROTO_UDP; }
  auto got = parse_tracked(tracked_message(wanted));
  REQUIRE(got);
  CHECK(to_string(*got) == to_string(wanted));
  CHECK(got->original == wanted.original);
  CHECK(got->reply == wanted.reply);
  CHECK(got->protocol == wanted.protocol);
  CHECK(got->diverted());
}

TEST_CASE("conntrack: one that goes where it was meant to is not diverted") {
  auto to = at("10.9.1.1", 80);
  CHECK_FALSE(tracked(at("192.0.2.1", 40000), to, to).diverted());
}

TEST_CASE("conntrack: a message cut short is no entry") {
  for (const auto& whole :
       {tracked_message(ipv4_example()), tracked_message(ipv6_example())}) {
    // Without its id and its timeout, 8 bytes each, it is one still.
    for (std::size_t size = 0; size < whole.size() - 16; ++size) {
      CAPTURE(size);
      std::vector<std::byte> cut(whole.begin(), whole.begin() + size);
      CHECK_FALSE(parse_tracked(cut));
      if (size < sizeof(nlmsghdr)) continue;
      set_length(cut, size);
      CHECK_FALSE(parse_tracked(cut));
      cut.resize(whole.size());
      CHECK_FALSE(parse_tracked(cut));
    }
  }
}

TEST_CASE("conntrack: no byte of a message breaks the reader") {
  const auto whole = tracked_message(ipv4_example());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int value : {0, 1, 4, 0x7f, 0x80, 0xff}) {
      auto changed = whole;
      changed[i] = static_cast<std::byte>(value);
      auto got = parse_tracked(changed);
      if (got) CHECK(got->key.size() <= whole.size());
    }
  }
}

TEST_CASE("conntrack: other messages and families are none") {
  auto message = tracked_message(ipv4_example());
  SUBCASE("another message") { message[4] = std::byte{2}; }
  SUBCASE("another subsystem") { message[5] = std::byte{2}; }
  SUBCASE("another family") { message[16] = std::byte{AF_UNIX}; }
  SUBCASE("an address of the other family") {
    message[16] = std::byte{AF_INET6};
  }
  CHECK_FALSE(parse_tracked(message));
}

TEST_CASE("conntrack: an entry is forgotten by its own flow and id") {
  auto message = tracked_message(ipv4_example());
  auto connection = parse_tracked(message);
  REQUIRE(connection);
  NetlinkMessages messages;
  add_forgetting(messages, *connection);
  Bytes built = std::as_const(messages).view();
  auto* header = reinterpret_cast<const nlmsghdr*>(built.data());
  REQUIRE(mnl_nlmsg_ok(header, static_cast<int>(built.size())));
  CHECK(header->nlmsg_type ==
        (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE));
  constexpr std::size_t kFlow = 52;
  constexpr std::size_t kStart = NLMSG_HDRLEN + sizeof(nfgenmsg);
  REQUIRE(built.size() == kStart + kFlow + 8);
  CHECK(std::memcmp(built.data() + NLMSG_HDRLEN, message.data() + NLMSG_HDRLEN,
                    sizeof(nfgenmsg) + kFlow) == 0);
  CHECK(std::memcmp(built.data() + kStart + kFlow,
                    message.data() + message.size() - 8, 8) == 0);
}

TEST_CASE("conntrack: chosen entries are forgotten, no others") {
  NetworkNamespace home;
  enter_tracked({ipv4_example(), ipv6_example(),
                 tracked(at("192.0.2.1", 40000), at("10.9.1.1", 81),
                         at("127.0.0.1", 12301))});
  REQUIRE(all_tracked().size() == 3);
  auto chosen = list_tracked(
      IPPROTO_TCP,
      [](const TrackedConnection& each) {
        return each.reply.source.port == 12300;
      },
      soon());
  REQUIRE(chosen);
  REQUIRE(chosen->size() == 2);
  CHECK(forget(*chosen, soon()));
  CHECK(all_tracked() ==
        std::vector<std::string>{
            "192.0.2.1:40000 > 10.9.1.1:81 < 127.0.0.1:12301"});
  // They are gone already.
  CHECK(forget(*chosen, soon()));
  auto udp = list_tracked(
      IPPROTO_UDP, [](const TrackedConnection&) { return true; }, soon());
  REQUIRE(udp);
  CHECK(udp->empty());
}

TEST_CASE("conntrack: what the kernel takes too long for is given up") {
  NetworkNamespace home;
  auto listed = list_tracked(
      IPPROTO_TCP, [](const TrackedConnection&) { return true; },
      std::chrono::steady_clock::now());
  REQUIRE_FALSE(listed);
  CHECK(listed.error().message() ==
        "list tracked connections: hear from the kernel: Connection timed out");
}

}  // namespace
}  // namespace ginnel::firewall
