// SPDX-License-Identifier: GPL-3.0-or-later
#include <linux/rtnetlink.h>

#include "names/netlink.h"
#include "names/netlink_bytes.h"

namespace ginnel::netlink {
namespace {

// A header, `fixed` and a 32-bit attribute, if any.
template <typename Fixed>
std::vector<std::byte> dump_request(std::uint16_t type, std::uint32_t sequence,
                                    const Fixed& fixed,
                                    std::vector<std::byte> attribute) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof fixed +
                                                attribute.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = sequence;
  std::vector<std::byte> request;
  append(request, header);
  append(request, fixed);
  request.insert(request.end(), attribute.begin(), attribute.end());
  return request;
}

std::vector<std::byte> attribute(std::uint16_t type, std::uint32_t value) {
  nlattr header{sizeof(nlattr) + sizeof value, type};
  std::vector<std::byte> bytes;
  append(bytes, header);
  append(bytes, value);
  return bytes;
}

int address_family(Family family) {
  return IpAddress::any(family).address_family();
}

// Does not mean something of its own on every machine. (0.0.0.0/1 is half of
// everything, as VPNs set it, but 0.0.0.0/8 is nowhere.)
bool is_elsewhere(const Prefix& network) {
  IpAddress first = network.first();
  bool unspecified = first.is_any() && network.length() >= 8;
  return network.length() > 0 && !unspecified && !first.is_loopback() &&
         !first.is_link_local() && !is_multicast(first);
}

}  // namespace

std::optional<IpAddress> address_of(int family, Bytes bytes) {
  auto data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (family == AF_INET && bytes.size() == 4) {
    return IpAddress(Family::kIpv4, data);
  }
  if (family == AF_INET6 && bytes.size() == 16) {
    return IpAddress(Family::kIpv6, data);
  }
  return {};
}

bool is_multicast(const IpAddress& address) {
  std::uint8_t first = address.data()[0];
  return address.family() == Family::kIpv4 ? first >> 4 == 0xe : first == 0xff;
}

std::vector<std::byte> route_request(Family family, std::uint32_t sequence) {
  rtmsg fixed{};
  fixed.rtm_family = static_cast<std::uint8_t>(address_family(family));
  fixed.rtm_type = RTN_UNICAST;
  return dump_request(RTM_GETROUTE, sequence, fixed,
                      attribute(RTA_TABLE, RT_TABLE_MAIN));
}

std::optional<Prefix> parse_route(const Message& message) {
  rtmsg route;
  if (message.type != RTM_NEWROUTE || !load(message.body, route)) return {};
  std::uint32_t table = route.rtm_table;
  std::optional<IpAddress> destination;
  Attributes attributes(message.body.subspan(sizeof route));
  while (auto attribute = attributes.next()) {
    if (attribute->type == RTA_TABLE && !load(attribute->value, table)) {
      return {};
    }
    if (attribute->type == RTA_DST) {
      destination = address_of(route.rtm_family, attribute->value);
    }
  }
  if (table != RT_TABLE_MAIN || route.rtm_type != RTN_UNICAST ||
      (route.rtm_flags & RTM_F_CLONED) || !destination ||
      route.rtm_dst_len > destination->bits()) {
    return {};
  }
  Prefix network(*destination, route.rtm_dst_len);
  return is_elsewhere(network) ? std::optional(network) : std::nullopt;
}

std::vector<std::byte> neighbour_request(Family family,
                                         std::uint32_t sequence) {
  ndmsg fixed{};
  fixed.ndm_family = static_cast<std::uint8_t>(address_family(family));
  return dump_request(RTM_GETNEIGH, sequence, fixed, {});
}

std::optional<Neighbour> parse_neighbour(const Message& message) {
  constexpr std::uint16_t kAnswers =
      NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
  ndmsg entry;
  if (message.type != RTM_NEWNEIGH || !load(message.body, entry) ||
      !(entry.ndm_state & kAnswers) || entry.ndm_ifindex <= 0) {
    return {};
  }
  Attributes attributes(message.body.subspan(sizeof entry));
  while (auto attribute = attributes.next()) {
    if (attribute->type != NDA_DST) continue;
    auto address = address_of(entry.ndm_family, attribute->value);
    if (!address || address->is_any() || address->is_loopback() ||
        is_multicast(*address)) {
      return {};
    }
    return Neighbour{*address, entry.ndm_ifindex};
  }
  return {};
}

}  // namespace ginnel::netlink
