// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/firewall/tracked.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

// After libc's.
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <algorithm>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

constexpr std::uint16_t kNew = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;

Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(10);
}

void put_flow(nlmsghdr* to, std::uint16_t type, const Flow& flow,
              std::uint8_t protocol) {
  const IpAddress& from = flow.source.address;
  const IpAddress& where = flow.destination.address;
  bool ipv4 = from.family() == Family::kIpv4;
  nlattr* tuple = mnl_attr_nest_start(to, type);
  nlattr* part = mnl_attr_nest_start(to, CTA_TUPLE_IP);
  mnl_attr_put(to, ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, from.size(),
               from.data());
  mnl_attr_put(to, ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, where.size(),
               where.data());
  mnl_attr_nest_end(to, part);
  part = mnl_attr_nest_start(to, CTA_TUPLE_PROTO);
  mnl_attr_put_u8(to, CTA_PROTO_NUM, protocol);
  mnl_attr_put_u16(to, CTA_PROTO_SRC_PORT, htons(flow.source.port));
  mnl_attr_put_u16(to, CTA_PROTO_DST_PORT, htons(flow.destination.port));
  mnl_attr_nest_end(to, part);
  mnl_attr_nest_end(to, tuple);
}

void put(nlmsghdr* to, const TrackedConnection& connection) {
  auto* body =
      static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(to, sizeof(nfgenmsg)));
  body->nfgen_family = static_cast<std::uint8_t>(
      IpAddress::any(connection.family).address_family());
  put_flow(to, CTA_TUPLE_ORIG, connection.original, connection.protocol);
  put_flow(to, CTA_TUPLE_REPLY, connection.reply, connection.protocol);
  mnl_attr_put_u32(to, CTA_TIMEOUT, htonl(1000));
}

}  // namespace

TrackedConnection tracked(const Endpoint& source, const Endpoint& destination,
                          const Endpoint& answerer, std::uint8_t protocol) {
  TrackedConnection connection;
  connection.family = source.address.family();
  connection.protocol = protocol;
  connection.original = Flow{source, destination};
  connection.reply = Flow{answerer, source};
  return connection;
}

std::vector<std::byte> tracked_message(const TrackedConnection& connection) {
  NetlinkMessages message;
  message.add(kNew, [&](nlmsghdr* to) {
    put(to, connection);
    mnl_attr_put_u32(to, CTA_ID, 77);
  });
  Bytes bytes = std::as_const(message).view();
  return {bytes.begin(), bytes.end()};
}

void enter_tracked(const std::vector<TrackedConnection>& connections) {
  NetlinkMessages messages;
  for (const TrackedConnection& each : connections) {
    messages.add(kNew, [&](nlmsghdr* to) {
      to->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
      put(to, each);
    });
  }
  auto netlink = NetlinkSocket::open(NETLINK_NETFILTER, soon());
  REQUIRE(netlink);
  Result<void> entered = netlink->apply(std::move(messages));
  if (!entered) FAIL(entered.error().message());
}

std::vector<std::string> all_tracked(std::uint8_t protocol) {
  auto found = list_tracked(
      protocol, [](const TrackedConnection&) { return true; }, soon());
  if (!found) FAIL(found.error().message());
  std::vector<std::string> texts;
  for (const TrackedConnection& each : *found) {
    texts.push_back(to_string(each));
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::string to_string(const TrackedConnection& connection) {
  return concat(connection.original.source, " > ",
                connection.original.destination, " < ",
                connection.reply.source);
}

}  // namespace ginnel::firewall
