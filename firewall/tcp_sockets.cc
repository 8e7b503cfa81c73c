// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/tcp_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

// After libc's: its headers yield to them, not the other way round.
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <cstring>
#include <utility>

namespace ginnel::firewall {
namespace {

constexpr std::uint32_t bit(int state) { return std::uint32_t{1} << state; }

// A socket that has said its last word has nobody to be told of a reset.
constexpr std::uint32_t kClosing =
    bit(TCP_TIME_WAIT) | bit(TCP_LAST_ACK) | bit(TCP_CLOSING);
constexpr std::uint32_t kOpenStates = bit(TCP_ESTABLISHED) | bit(TCP_SYN_SENT) |
                                      bit(TCP_SYN_RECV) | bit(TCP_FIN_WAIT1) |
                                      bit(TCP_FIN_WAIT2) | bit(TCP_CLOSE_WAIT);

Endpoint parse_endpoint(Family family, const std::uint32_t* address,
                        std::uint16_t port) {
  IpAddress whole(family, reinterpret_cast<const std::uint8_t*>(address));
  return Endpoint(whole.unmapped(), ntohs(port));
}

inet_diag_req_v2 make_request(std::uint8_t family) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = IPPROTO_TCP;
  request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return request;
}

void add(NetlinkMessages& messages, std::uint16_t type,
         const inet_diag_req_v2& request) {
  messages.add(type, [&](nlmsghdr* to) {
    std::memcpy(mnl_nlmsg_put_extra_header(to, sizeof request), &request,
                sizeof request);
  });
}

}  // namespace

std::optional<TcpSocket> parse_tcp_socket(Bytes message) {
  const auto* header = reinterpret_cast<const nlmsghdr*>(message.data());
  if (message.size() > INT32_MAX ||
      !mnl_nlmsg_ok(header, static_cast<int>(message.size())) ||
      header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
      mnl_nlmsg_get_payload_len(header) < sizeof(inet_diag_msg)) {
    return std::nullopt;
  }
  const auto* body =
      static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(header));
  if (body->idiag_family != AF_INET && body->idiag_family != AF_INET6) {
    return std::nullopt;
  }
  Family family = body->idiag_family == AF_INET ? Family::kIpv4 : Family::kIpv6;
  const inet_diag_sockid& id = body->id;
  TcpSocket socket;
  socket.local = parse_endpoint(family, id.idiag_src, id.idiag_sport);
  socket.remote = parse_endpoint(family, id.idiag_dst, id.idiag_dport);
  socket.family = body->idiag_family;
  static_assert(sizeof socket.key == sizeof id);
  std::memcpy(socket.key.data(), &id, sizeof id);
  return socket;
}

Result<void> list_tcp_sockets(Which which, std::uint16_t local_port,
                              const std::function<void(const TcpSocket&)>& each,
                              Deadline deadline) {
  auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG, deadline);
  if (!netlink) return netlink.error();
  for (std::uint8_t family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 request = make_request(family);
    request.idiag_states = kOpenStates | (which == Which::kAll ? kClosing : 0);
    request.id.idiag_sport = htons(local_port);
    NetlinkMessages messages;
    add(messages, SOCK_DIAG_BY_FAMILY, request);
    Result<void> listed =
        netlink->list(std::move(messages), [&](Bytes message) {
          auto socket = parse_tcp_socket(message);
          if (socket) each(*socket);
        });
    if (!listed) return listed.error().in("list TCP connections");
  }
  return {};
}

Result<void> reset_tcp_sockets(std::span<const TcpSocket> sockets,
                               Deadline deadline) {
  auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG, deadline);
  if (!netlink) return netlink.error();
  NetlinkMessages messages;
  for (const TcpSocket& socket : sockets) {
    inet_diag_req_v2 request = make_request(socket.family);
    std::memcpy(&request.id, socket.key.data(), sizeof request.id);
    add(messages, SOCK_DESTROY, request);
  }
  Result<void> applied = netlink->apply(std::move(messages));
  if (!applied) return applied.error().in("reset TCP connections");
  return applied;
}

}  // namespace ginnel::firewall
