// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/dns/udp_listener.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "names/dns_build.h"
#include "names/dns_message.h"
#include "names/messages.h"

namespace ginnel {
namespace {

// So many are taken before everything else has a turn.
constexpr int kBurst = 64;

}  // namespace

// Who sent a packet, and the address it came to, as the kernel tells them and
// wants them back.
struct UdpListener::Packet {
  SocketAddress asker;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))] = {};
  std::size_t control_size = 0;
  std::size_t udp_size = 0;

  msghdr header(iovec& data) {
    msghdr header{};
    header.msg_name = asker.get();
    header.msg_namelen = asker.size;
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = control_size;
    return header;
  }
  // The address it came to.
  std::optional<IpAddress> here() const;
  // To send from there. The interface is the route's to choose, but for a
  // link-local address, which has no meaning without one.
  void answer_from(const IpAddress& here);
};

std::optional<IpAddress> UdpListener::Packet::here() const {
  msghdr header{};
  header.msg_control = const_cast<char*>(control);
  header.msg_controllen = control_size;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      return IpAddress(Family::kIpv4, reinterpret_cast<const std::uint8_t*>(
                                          &info.ipi_addr.s_addr));
    }
    if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      return IpAddress(Family::kIpv6, info.ipi6_addr.s6_addr);
    }
  }
  return std::nullopt;
}

void UdpListener::Packet::answer_from(const IpAddress& here) {
  auto put = [this](int level, int type, const auto& info) {
    control_size = CMSG_SPACE(sizeof info);
    auto* part = reinterpret_cast<cmsghdr*>(control);
    part->cmsg_level = level;
    part->cmsg_type = type;
    part->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(part), &info, sizeof info);
  };
  if (here.family() == Family::kIpv4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, here.data(), here.size());
    put(IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(reinterpret_cast<cmsghdr*>(control)),
                sizeof info);
    if (!here.is_link_local()) info.ipi6_ifindex = 0;
    put(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

UdpListener::UdpListener(asio::any_io_executor executor, UniqueFd socket,
                         std::uint16_t port, LookUps& look_ups,
                         DivertedFrom diverted_from)
    : socket_(executor, socket.release()),
      port_(port),
      look_ups_(look_ups),
      diverted_from_(std::move(diverted_from)),
      // One byte more: of a query that is too long so much tells that it is.
      buffer_(names::kMaxDnsQuery + 1) {}

awaitable<void> UdpListener::run(std::shared_ptr<UdpListener> self) {
  while (self->socket_.is_open()) {
    co_await self->socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                                      asio::use_awaitable);
    for (int i = 0; i < kBurst && self->take_one(); ++i) {
    }
  }
}

void UdpListener::close() {
  std::error_code ignored;
  socket_.close(ignored);
}

bool UdpListener::take_one() {
  Packet packet;
  packet.control_size = sizeof packet.control;
  iovec data{buffer_.data(), buffer_.size()};
  msghdr header = packet.header(data);
  ssize_t count = ::recvmsg(socket_.native_handle(), &header, MSG_DONTWAIT);
  if (count < 0) return errno == EINTR;
  packet.asker.size = header.msg_namelen;
  packet.control_size = header.msg_controllen;
  auto asker = packet.asker.endpoint();
  auto here = packet.here();
  if (!asker || !here) return true;
  packet.answer_from(*here);

  LookUps::Query query;
  query.message.assign(buffer_.begin(), buffer_.begin() + count);
  packet.udp_size = dns::udp_size(query.message);
  query.server = [self = weak_from_this(), asker = *asker,
                  to = Endpoint(*here, port_)]() -> std::optional<Endpoint> {
    auto listener = self.lock();
    if (!listener || !listener->diverted_from_) return std::nullopt;
    return listener->diverted_from_(asker, to);
  };
  look_ups_.ask(std::move(query), [self = weak_from_this(),
                                   packet](std::vector<std::byte> answer) {
    if (auto listener = self.lock()) listener->send(packet, answer);
  });
  return true;
}

// An answer that cannot be sent is lost, as UDP's answers are; the asker asks
// again.
void UdpListener::send(const Packet& to, Bytes answer) {
  if (answer.empty() || !socket_.is_open()) return;
  Packet packet = to;
  std::vector<std::byte> fitting;
  if (answer.size() > to.udp_size) {
    fitting = dns::truncated(answer, to.udp_size);
    answer = fitting;
  }
  iovec data{const_cast<std::byte*>(answer.data()), answer.size()};
  msghdr header = packet.header(data);
  ::sendmsg(socket_.native_handle(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace ginnel
