// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/multicast_socket.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ginnel {
namespace {

// The largest datagram there is.
constexpr std::size_t kRoom = 65536;

void set(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

UniqueFd open_socket(Family family) {
  bool ipv4 = family == Family::kIpv4;
  UniqueFd fd(::socket(ipv4 ? AF_INET : AF_INET6,
                       SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  // 255: RFC 6762 section 11. Looped, so that this machine's own answers too.
  if (ipv4) {
    set(fd.get(), SOL_SOCKET, SO_BROADCAST, 1);
    set(fd.get(), IPPROTO_IP, IP_PKTINFO, 1);
    set(fd.get(), IPPROTO_IP, IP_MULTICAST_TTL, 255);
    set(fd.get(), IPPROTO_IP, IP_MULTICAST_LOOP, 1);
    set(fd.get(), IPPROTO_IP, IP_MULTICAST_ALL, 0);
  } else {
    set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255);
    set(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
  }
  return fd;
}

bool bind_to(int fd, const Endpoint& where, unsigned link) {
  SocketAddress address(where);
  if (where.address.family() == Family::kIpv6) {
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_scope_id = link;
  }
  return ::bind(fd, address.get(), address.size) == 0;
}

bool join_group(int fd, const IpAddress& group, unsigned link) {
  if (group.family() == Family::kIpv4) {
    ip_mreqn request{};
    std::memcpy(&request.imr_multiaddr, group.data(), group.size());
    request.imr_ifindex = static_cast<int>(link);
    return ::setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request,
                        sizeof request) == 0;
  }
  ipv6_mreq request{};
  std::memcpy(&request.ipv6mr_multiaddr, group.data(), group.size());
  request.ipv6mr_interface = link;
  return ::setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request,
                      sizeof request) == 0;
}

// A header's place for one packet information, of either family.
struct ControlRoom {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + 64] = {};
};

template <typename Info>
void put_link(msghdr& message, int level, int type, const Info& info) {
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(control), &info, sizeof info);
}

unsigned link_of(msghdr& message) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      return static_cast<unsigned>(info.ipi_ifindex);
    }
    if (control->cmsg_level == IPPROTO_IPV6 &&
        control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      return info.ipi6_ifindex;
    }
  }
  return 0;
}

}  // namespace

std::unique_ptr<MulticastSocket> MulticastSocket::open(
    const asio::any_io_executor& executor, Family family, Owner& owner) {
  UniqueFd fd = open_socket(family);
  // Bound at once: one that has sent nothing is told of its end for ever.
  if (!fd || !bind_to(fd.get(), Endpoint(IpAddress::any(family), 0), 0)) {
    return nullptr;
  }
  return std::unique_ptr<MulticastSocket>(
      new MulticastSocket(executor, family, std::move(fd), owner));
}

std::unique_ptr<MulticastSocket> MulticastSocket::join(
    const asio::any_io_executor& executor, const Endpoint& group,
    const Link& link, Owner& owner) {
  Family family = group.address.family();
  UniqueFd fd = open_socket(family);
  if (!fd) return nullptr;
  set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (!bind_to(fd.get(), group, link.index) ||
      !join_group(fd.get(), group.address, link.index)) {
    return nullptr;
  }
  return std::unique_ptr<MulticastSocket>(
      new MulticastSocket(executor, family, std::move(fd), owner));
}

MulticastSocket::MulticastSocket(const asio::any_io_executor& executor,
                                 Family family, UniqueFd fd, Owner& owner)
    : poller_(mux::SocketPoller::of(executor)),
      executor_(executor),
      family_(family),
      fd_(std::move(fd)),
      owner_(owner),
      ticket_(poller_.watch(fd_.get(), *this)),
      alive_(std::make_shared<bool>(true)) {}

MulticastSocket::~MulticastSocket() {
  *alive_ = false;
  poller_.unwatch(ticket_);
}

void MulticastSocket::send(Bytes bytes, const Endpoint& to, unsigned link) {
  SocketAddress address(to);
  iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = address.get();
  message.msg_namelen = address.size;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  ControlRoom control;
  if (link != 0) {
    message.msg_control = control.bytes;
    if (family_ == Family::kIpv4) {
      in_pktinfo info{};
      info.ipi_ifindex = static_cast<int>(link);
      put_link(message, IPPROTO_IP, IP_PKTINFO, info);
    } else {
      in6_pktinfo info{};
      info.ipi6_ifindex = link;
      put_link(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
  }
  ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
}

void MulticastSocket::ready(std::uint32_t events) {
  if (events & (EPOLLIN | EPOLLERR)) read_batch();
}

void MulticastSocket::read_batch() {
  std::vector<std::byte> room(kRoom);
  std::shared_ptr<bool> alive = alive_;
  for (int i = 0; i < kBatch; ++i) {
    Datagram datagram;
    if (!receive(datagram, room)) return;
    if (datagram.bytes.data()) owner_.datagram(datagram);
    if (!*alive) return;
  }
  // There may be more: others first.
  asio::post(executor_, [this, alive] {
    if (*alive) read_batch();
  });
}

// False: there is nothing more. A datagram without bytes is an error that the
// socket was told of, such as a port that nobody listens at.
bool MulticastSocket::receive(Datagram& datagram,
                              std::vector<std::byte>& room) {
  SocketAddress from;
  iovec piece{room.data(), room.size()};
  ControlRoom control;
  msghdr message{};
  message.msg_name = from.get();
  message.msg_namelen = from.size;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t size = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT);
  if (size < 0) return errno != EAGAIN && errno != EBADF;
  auto sender = from.endpoint();
  if (!sender) return true;
  datagram.bytes = Bytes(room.data(), static_cast<std::size_t>(size));
  datagram.from = *sender;
  datagram.link = link_of(message);
  return true;
}

}  // namespace ginnel
