// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/netlink.h"

#include <doctest/doctest.h>
#include <linux/rtnetlink.h>

#include <string>

#include "base/strings.h"
#include "names/netlink_bytes.h"

namespace ginnel::netlink {
namespace {

// A message as the kernel would send it.
class Builder {
 public:
  Builder(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence)
      : header_{sizeof(nlmsghdr), type, flags, sequence, 0} {}

  template <typename Fixed>
  Builder& fixed(const Fixed& value) {
    append(body_, value);
    return *this;
  }
  Builder& attribute(std::uint16_t type, Bytes value) {
    nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()),
                  type};
    append(body_, header);
    body_.insert(body_.end(), value.begin(), value.end());
    body_.resize((body_.size() + 3) & ~std::size_t{3});
    return *this;
  }
  Builder& attribute(std::uint16_t type, const char* address) {
    IpAddress ip = *IpAddress::parse(address);
    return attribute(type, std::as_bytes(std::span(ip.data(), ip.size())));
  }
  Builder& attribute(std::uint16_t type, std::uint32_t number) {
    return attribute(type, std::as_bytes(std::span(&number, 1)));
  }
  std::vector<std::byte> bytes() {
    header_.nlmsg_len =
        static_cast<std::uint32_t>(sizeof header_ + body_.size());
    std::vector<std::byte> bytes;
    append(bytes, header_);
    bytes.insert(bytes.end(), body_.begin(), body_.end());
    return bytes;
  }

 private:
  nlmsghdr header_;
  std::vector<std::byte> body_;
};

rtmsg unicast(int family, int length) {
  rtmsg route{};
  route.rtm_family = static_cast<std::uint8_t>(family);
  route.rtm_dst_len = static_cast<std::uint8_t>(length);
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_type = RTN_UNICAST;
  return route;
}

Builder route_message(const rtmsg& route) {
  Builder builder(RTM_NEWROUTE, 0, 1);
  builder.fixed(route);
  return builder;
}

// "-" for what is no route of interest.
template <typename Parsed>
std::string text(const Parsed& parsed) {
  return parsed ? to_string(*parsed) : "-";
}

std::string route_text(Builder builder) {
  std::vector<std::byte> bytes = builder.bytes();
  auto message = Messages(bytes).next();
  REQUIRE(message.has_value());
  return text(parse_route(*message));
}

std::string to(const char* address, int length, int type = RTN_UNICAST) {
  int family = IpAddress::parse(address)->address_family();
  rtmsg route = unicast(family, length);
  route.rtm_type = static_cast<std::uint8_t>(type);
  return route_text(route_message(route).attribute(RTA_DST, address));
}

TEST_CASE("netlink: networks to others are routes") {
  CHECK(to("10.0.0.0", 8) == "10.0.0.0/8");
  CHECK(to("192.0.2.7", 32) == "192.0.2.7/32");
  CHECK(to("2001:db8::", 32) == "2001:db8::/32");
  CHECK(to("0.0.0.0", 1) == "0.0.0.0/1");
  CHECK(to("128.0.0.0", 1) == "128.0.0.0/1");
  CHECK(to("192.0.2.7", 24) == "192.0.2.0/24");
}

TEST_CASE("netlink: what means something of its own everywhere is none") {
  CHECK(to("0.0.0.0", 0) == "-");
  CHECK(route_text(route_message(unicast(AF_INET, 0))) == "-");
  CHECK(route_text(route_message(unicast(AF_INET6, 0))) == "-");
  CHECK(to("0.0.0.0", 8) == "-");
  CHECK(to("127.0.0.0", 8) == "-");
  CHECK(to("127.0.0.53", 32) == "-");
  CHECK(to("::1", 128) == "-");
  CHECK(to("169.254.0.0", 16) == "-");
  CHECK(to("fe80::", 64) == "-");
  CHECK(to("224.0.0.0", 4) == "-");
  CHECK(to("239.1.2.3", 32) == "-");
  CHECK(to("ff00::", 8) == "-");
}

TEST_CASE("netlink: routes that lead nowhere, or to this machine, are none") {
  for (int type : {RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST,
                   RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW}) {
    CAPTURE(type);
    CHECK(to("10.0.0.0", 8, type) == "-");
  }
  rtmsg cached = unicast(AF_INET, 32);
  cached.rtm_flags = RTM_F_CLONED;
  CHECK(route_text(route_message(cached).attribute(RTA_DST, "10.0.0.1")) ==
        "-");
}

TEST_CASE("netlink: of tables only main counts, whichever way it is said") {
  rtmsg other = unicast(AF_INET, 8);
  other.rtm_table = RT_TABLE_LOCAL;
  auto builder = route_message(other).attribute(RTA_DST, "10.0.0.0");
  CHECK(route_text(builder) == "-");
  CHECK(route_text(builder.attribute(RTA_TABLE, 1000)) == "-");
  CHECK(route_text(builder.attribute(RTA_TABLE, RT_TABLE_MAIN)) ==
        "10.0.0.0/8");
}

TEST_CASE("netlink: a route that contradicts itself is none") {
  CHECK(to("10.0.0.0", 33) == "-");
  CHECK(to("2001:db8::", 129) == "-");
  CHECK(route_text(route_message(unicast(AF_INET, 8))
                       .attribute(RTA_DST, "2001:db8::")) == "-");
  CHECK(route_text(route_message(unicast(AF_BRIDGE, 8))
                       .attribute(RTA_DST, "10.0.0.0")) == "-");
  Builder deleted(RTM_DELROUTE, 0, 1);
  deleted.fixed(unicast(AF_INET, 8)).attribute(RTA_DST, "10.0.0.0");
  CHECK(route_text(deleted) == "-");
}

std::string neighbour(const char* address, int state, int interface = 2) {
  ndmsg entry{};
  entry.ndm_family =
      static_cast<std::uint8_t>(IpAddress::parse(address)->address_family());
  entry.ndm_ifindex = interface;
  entry.ndm_state = static_cast<std::uint16_t>(state);
  auto bytes = Builder(RTM_NEWNEIGH, 0, 1)
                   .fixed(entry)
                   .attribute(NDA_LLADDR, Bytes())
                   .attribute(NDA_DST, address)
                   .bytes();
  auto found = parse_neighbour(*Messages(bytes).next());
  return found ? concat(found->address, " ", found->interface) : "-";
}

TEST_CASE("netlink: neighbours are hosts that answer") {
  CHECK(neighbour("10.0.0.7", NUD_REACHABLE) == "10.0.0.7 2");
  CHECK(neighbour("fe80::7", NUD_STALE, 9) == "fe80::7 9");
  CHECK(neighbour("10.0.0.7", NUD_PERMANENT) == "10.0.0.7 2");
  CHECK(neighbour("10.0.0.7", NUD_INCOMPLETE) == "-");
  CHECK(neighbour("10.0.0.7", NUD_FAILED) == "-");
  CHECK(neighbour("224.0.0.251", NUD_NOARP) == "-");
  CHECK(neighbour("224.0.0.251", NUD_PERMANENT) == "-");
  CHECK(neighbour("127.0.0.1", NUD_PERMANENT) == "-");
  CHECK(neighbour("ff02::1", NUD_PERMANENT) == "-");
  CHECK(neighbour("10.0.0.7", NUD_STALE, 0) == "-");
}

// What read_dump() makes of it: the numbers of messages and the end.
std::string dump(const std::vector<std::byte>& datagram) {
  int count = 0;
  auto progress = read_dump(datagram, 5, [&](const Message&) { ++count; });
  if (!progress) return progress.error().message();
  return concat(count, progress->done ? " done" : "",
                progress->interrupted ? " interrupted" : "");
}

std::vector<std::byte> together(std::vector<std::byte> a,
                                const std::vector<std::byte>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_CASE("netlink: a dump is read to its end") {
  auto row =
      Builder(RTM_NEWROUTE, NLM_F_MULTI, 5).fixed(unicast(AF_INET, 8)).bytes();
  auto other =
      Builder(RTM_NEWROUTE, NLM_F_MULTI, 4).fixed(unicast(AF_INET, 8)).bytes();
  auto cut_off = Builder(RTM_NEWROUTE, NLM_F_MULTI | NLM_F_DUMP_INTR, 5)
                     .fixed(unicast(AF_INET, 8))
                     .bytes();
  auto done = Builder(NLMSG_DONE, NLM_F_MULTI, 5).fixed(0).bytes();
  CHECK(dump({}) == "0");
  CHECK(dump(together(row, row)) == "2");
  CHECK(dump(together(row, together(other, done))) == "1 done");
  CHECK(dump(together(cut_off, done)) == "1 done interrupted");
  auto refused = Builder(NLMSG_ERROR, 0, 5).fixed(-EPERM).bytes();
  CHECK(dump(refused) == "the kernel's list: Operation not permitted");
  auto no_table = Builder(NLMSG_DONE, NLM_F_MULTI, 5).fixed(-ENOENT).bytes();
  CHECK(dump(no_table) == "0 done");
}

TEST_CASE("netlink: what is cut anywhere is not read past its end") {
  auto whole = route_message(unicast(AF_INET, 8))
                   .attribute(RTA_TABLE, RT_TABLE_MAIN)
                   .attribute(RTA_DST, "10.0.0.0")
                   .bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    std::vector<std::byte> part(whole.begin(), whole.begin() + size);
    CHECK(!Messages(part).next());
    if (size < sizeof(nlmsghdr)) continue;
    // The length made to fit, so that it is the attributes that are cut.
    auto length = static_cast<std::uint32_t>(size);
    std::memcpy(part.data(), &length, sizeof length);
    auto message = Messages(part).next();
    REQUIRE(message.has_value());
    CHECK(!parse_route(*message));
    CHECK(!parse_neighbour(*message));
  }
}

TEST_CASE("netlink: lengths that lie end the reading") {
  for (std::uint32_t length : {0u, 1u, 15u, 1000u, 0xffffffffu}) {
    auto bytes = route_message(unicast(AF_INET, 8)).bytes();
    std::memcpy(bytes.data(), &length, sizeof length);
    CHECK(!Messages(bytes).next());
  }
  for (int length : {0, 3, 9, 0xffff}) {
    nlattr header{static_cast<std::uint16_t>(length), RTA_DST};
    std::vector<std::byte> bytes;
    append(bytes, header);
    append(bytes, std::uint32_t{10});
    CHECK(!Attributes(bytes).next());
  }
}

TEST_CASE("netlink: requests are whole messages that ask for a list") {
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    auto routes = route_request(family, 5);
    auto message = Messages(routes).next();
    REQUIRE(message.has_value());
    CHECK(message->type == RTM_GETROUTE);
    CHECK(message->flags == (NLM_F_REQUEST | NLM_F_DUMP));
    CHECK(message->sequence == 5);
    CHECK(message->body.size() == sizeof(rtmsg) + 8);
    auto neighbours = neighbour_request(family, 6);
    message = Messages(neighbours).next();
    REQUIRE(message.has_value());
    CHECK(message->type == RTM_GETNEIGH);
    CHECK(message->body.size() == sizeof(ndmsg));
  }
}

}  // namespace
}  // namespace ginnel::netlink
