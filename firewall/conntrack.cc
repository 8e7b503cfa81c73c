// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/conntrack.h"

#include <arpa/inet.h>
#include <netinet/in.h>

// After libc's: its headers yield to them, not the other way round.
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <array>
#include <cstring>
#include <utility>

namespace ginnel::firewall {
namespace {

// A tuple of IPv6 takes 76 bytes, a zone and an id 8 each.
constexpr std::size_t kMaxKey = 512;
static_assert(kMaxKey + sizeof(nfgenmsg) <= NetlinkMessages::kMaxPayload);

constexpr std::uint16_t message_type(std::uint16_t request) {
  return NFNL_SUBSYS_CTNETLINK << 8 | request;
}

void put_family(nlmsghdr* to, int family) {
  auto* body =
      static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(to, sizeof(nfgenmsg)));
  body->nfgen_family = static_cast<std::uint8_t>(family);
  body->version = NFNETLINK_V0;
}

// Attributes by their type; those above Max are left out. The last of a type
// counts, as with the kernel.
template <std::size_t Max>
class Attributes {
 public:
  // All after the first `offset` bytes of the payload.
  Attributes(const nlmsghdr* message, unsigned offset) {
    mnl_attr_parse(message, offset, &keep, this);
  }
  // Those inside `nest`; none when it is not there.
  explicit Attributes(const nlattr* nest) {
    if (nest != nullptr) mnl_attr_parse_nested(nest, &keep, this);
  }

  const nlattr* operator[](std::size_t type) const { return by_type_[type]; }

  // The payload of that attribute, when it is there and has `size` bytes.
  const std::uint8_t* payload(std::size_t type, std::size_t size) const {
    const nlattr* found = by_type_[type];
    if (!found || mnl_attr_get_payload_len(found) != size) return nullptr;
    return static_cast<const std::uint8_t*>(mnl_attr_get_payload(found));
  }

 private:
  static int keep(const nlattr* attribute, void* self) {
    std::size_t type = mnl_attr_get_type(attribute);
    auto* attributes = static_cast<Attributes*>(self);
    if (type <= Max) attributes->by_type_[type] = attribute;
    return MNL_CB_OK;
  }

  std::array<const nlattr*, Max + 1> by_type_{};
};

std::optional<IpAddress> parse_address(const Attributes<CTA_IP_MAX>& addresses,
                                       Family family, std::size_t type) {
  std::size_t size = IpAddress::any(family).size();
  const std::uint8_t* bytes = addresses.payload(type, size);
  if (!bytes) return std::nullopt;
  return IpAddress(family, bytes);
}

std::optional<std::uint16_t> parse_port(
    const Attributes<CTA_PROTO_MAX>& protocol, std::size_t type) {
  const std::uint8_t* bytes = protocol.payload(type, 2);
  if (!bytes) return std::nullopt;
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

// One direction's tuple; sets `protocol`, too.
std::optional<Flow> parse_flow(const nlattr* tuple, Family family,
                               std::uint8_t& protocol) {
  Attributes<CTA_TUPLE_MAX> parts(tuple);
  Attributes<CTA_IP_MAX> addresses(parts[CTA_TUPLE_IP]);
  Attributes<CTA_PROTO_MAX> transport(parts[CTA_TUPLE_PROTO]);
  bool ipv4 = family == Family::kIpv4;
  auto source =
      parse_address(addresses, family, ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC);
  auto destination =
      parse_address(addresses, family, ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST);
  auto from = parse_port(transport, CTA_PROTO_SRC_PORT);
  auto to = parse_port(transport, CTA_PROTO_DST_PORT);
  const std::uint8_t* number = transport.payload(CTA_PROTO_NUM, 1);
  if (!source || !destination || !from || !to || !number) return std::nullopt;
  protocol = *number;
  return Flow{Endpoint(*source, *from), Endpoint(*destination, *to)};
}

void put_flow(nlmsghdr* to, std::uint16_t type, std::uint8_t protocol,
              const Flow& flow) {
  const IpAddress& source = flow.source.address;
  const IpAddress& destination = flow.destination.address;
  bool ipv4 = source.family() == Family::kIpv4;
  nlattr* tuple = mnl_attr_nest_start(to, type);
  nlattr* addresses = mnl_attr_nest_start(to, CTA_TUPLE_IP);
  mnl_attr_put(to, ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, source.size(),
               source.data());
  mnl_attr_put(to, ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, destination.size(),
               destination.data());
  mnl_attr_nest_end(to, addresses);
  nlattr* transport = mnl_attr_nest_start(to, CTA_TUPLE_PROTO);
  mnl_attr_put_u8(to, CTA_PROTO_NUM, protocol);
  mnl_attr_put_u16(to, CTA_PROTO_SRC_PORT, htons(flow.source.port));
  mnl_attr_put_u16(to, CTA_PROTO_DST_PORT, htons(flow.destination.port));
  mnl_attr_nest_end(to, transport);
  mnl_attr_nest_end(to, tuple);
}

void append(std::vector<std::byte>& to, const nlattr* attribute) {
  if (attribute == nullptr) return;
  const auto* begin = reinterpret_cast<const std::byte*>(attribute);
  to.insert(to.end(), begin, begin + attribute->nla_len);
  to.resize(MNL_ALIGN(to.size()));
}

}  // namespace

std::optional<TrackedConnection> parse_tracked(Bytes message) {
  const auto* header = reinterpret_cast<const nlmsghdr*>(message.data());
  if (message.size() > INT32_MAX ||
      !mnl_nlmsg_ok(header, static_cast<int>(message.size())) ||
      // The kernel pads attributes, and libmnl takes that for granted.
      header->nlmsg_len % NLMSG_ALIGNTO != 0 ||
      header->nlmsg_type != message_type(IPCTNL_MSG_CT_NEW) ||
      mnl_nlmsg_get_payload_len(header) < sizeof(nfgenmsg)) {
    return std::nullopt;
  }
  const auto* body =
      static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(header));
  if (body->nfgen_family != AF_INET && body->nfgen_family != AF_INET6) {
    return std::nullopt;
  }
  TrackedConnection connection;
  connection.family =
      body->nfgen_family == AF_INET ? Family::kIpv4 : Family::kIpv6;
  Attributes<CTA_MAX> parts(header, sizeof(nfgenmsg));
  for (auto [part, flow] : {std::pair(CTA_TUPLE_ORIG, &connection.original),
                            std::pair(CTA_TUPLE_REPLY, &connection.reply)}) {
    auto parsed =
        parse_flow(parts[part], connection.family, connection.protocol);
    if (!parsed) return std::nullopt;
    *flow = *parsed;
  }
  for (auto part : {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID}) {
    append(connection.key, parts[part]);
  }
  if (connection.key.size() > kMaxKey) return std::nullopt;
  return connection;
}

void add_forgetting(NetlinkMessages& messages,
                    const TrackedConnection& connection) {
  messages.add(message_type(IPCTNL_MSG_CT_DELETE), [&](nlmsghdr* to) {
    put_family(to, IpAddress::any(connection.family).address_family());
    auto size = connection.key.size();
    std::memcpy(mnl_nlmsg_put_extra_header(to, size), connection.key.data(),
                size);
  });
}

Result<std::vector<TrackedConnection>> list_tracked(
    std::uint8_t protocol,
    const std::function<bool(const TrackedConnection&)>& chosen,
    Deadline deadline) {
  auto netlink = NetlinkSocket::open(NETLINK_NETFILTER, deadline);
  if (!netlink) return netlink.error();
  NetlinkMessages request;
  request.add(message_type(IPCTNL_MSG_CT_GET),
              [](nlmsghdr* to) { put_family(to, AF_UNSPEC); });
  std::vector<TrackedConnection> found;
  Result<void> listed = netlink->list(std::move(request), [&](Bytes message) {
    if (found.size() == kMaxTracked) return;
    auto connection = parse_tracked(message);
    if (!connection || connection->protocol != protocol) return;
    if (chosen(*connection)) found.push_back(std::move(*connection));
  });
  if (!listed) return listed.error().in("list tracked connections");
  return found;
}

Result<std::optional<Flow>> find_original(std::uint8_t protocol,
                                          const Flow& reply,
                                          Deadline deadline) {
  auto netlink = NetlinkSocket::open(NETLINK_NETFILTER, deadline);
  if (!netlink) return netlink.error();
  NetlinkMessages request;
  request.add(message_type(IPCTNL_MSG_CT_GET), [&](nlmsghdr* to) {
    put_family(to, reply.source.address.address_family());
    put_flow(to, CTA_TUPLE_REPLY, protocol, reply);
  });
  auto message = netlink->get(std::move(request));
  if (!message) return message.error().in("find a tracked connection");
  if (!*message) return std::optional<Flow>();
  auto connection = parse_tracked(**message);
  if (!connection) return std::optional<Flow>();
  return std::optional(connection->original);
}

Result<void> forget(std::span<const TrackedConnection> connections,
                    Deadline deadline) {
  auto netlink = NetlinkSocket::open(NETLINK_NETFILTER, deadline);
  if (!netlink) return netlink.error();
  NetlinkMessages messages;
  for (const auto& each : connections) add_forgetting(messages, each);
  Result<void> applied = netlink->apply(std::move(messages));
  if (!applied) return applied.error().in("forget tracked connections");
  return applied;
}

}  // namespace ginnel::firewall
