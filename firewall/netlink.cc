// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/netlink.h"

#include <poll.h>
#include <sys/socket.h>

// After libc's: its headers yield to them, not the other way round.
#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <optional>
#include <utility>

namespace ginnel::firewall {
namespace {

// The kernel fills packets of up to 32 KiB when the reader has room for them.
constexpr std::size_t kReceiveRoom = 64 * 1024;

// What is sent at once: well within the send buffer, which is 208 KiB by
// default, and few enough messages for the receive buffer to hold a refusal
// of each.
constexpr std::size_t kMaxPacket = 16 * 1024;

// Calls `each` with every whole message of `packet`.
void for_each_message(MutableBytes packet,
                      const std::function<void(nlmsghdr*)>& each) {
  int left = static_cast<int>(packet.size());
  auto* header = reinterpret_cast<nlmsghdr*>(packet.data());
  for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
    each(header);
  }
}

// The size of the first messages, as many as fit into kMaxPacket.
std::size_t first_packet(MutableBytes messages) {
  static_assert(NetlinkMessages::kMaxPayload + NLMSG_HDRLEN <= kMaxPacket);
  std::size_t size = 0;
  std::size_t next = 0;
  for_each_message(messages, [&](const nlmsghdr* header) {
    next += NLMSG_ALIGN(header->nlmsg_len);
    if (next <= kMaxPacket) size = next;
  });
  return size;
}

// The errno in an answer; 0 is success. The number stands first in the
// payload of NLMSG_ERROR and of NLMSG_DONE.
int error_in(const nlmsghdr* answer) {
  if (mnl_nlmsg_get_payload_len(answer) < sizeof(int)) return EBADMSG;
  return -*static_cast<const int*>(mnl_nlmsg_get_payload(answer));
}

}  // namespace

void NetlinkMessages::add(std::uint16_t type,
                          const std::function<void(nlmsghdr*)>& fill) {
  std::size_t at = bytes_.size();
  bytes_.resize(at + NLMSG_HDRLEN + kMaxPayload);
  nlmsghdr* header = mnl_nlmsg_put_header(bytes_.data() + at);
  header->nlmsg_type = type;
  header->nlmsg_flags = NLM_F_REQUEST;
  fill(header);
  assert(header->nlmsg_len <= NLMSG_HDRLEN + kMaxPayload);
  bytes_.resize(at + NLMSG_ALIGN(header->nlmsg_len));
}

NetlinkSocket::NetlinkSocket(UniqueFd fd, Deadline deadline)
    : fd_(std::move(fd)), deadline_(deadline), buffer_(kReceiveRoom) {}

Result<NetlinkSocket> NetlinkSocket::open(int protocol, Deadline deadline) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd) return Error::from_errno(errno, "open a netlink socket");
  // Refusals need not quote what they are about.
  int on = 1;
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  return NetlinkSocket(std::move(fd), deadline);
}

Result<void> NetlinkSocket::list(NetlinkMessages request,
                                 const std::function<void(Bytes)>& each) {
  auto* header = reinterpret_cast<nlmsghdr*>(request.view().data());
  header->nlmsg_flags |= NLM_F_DUMP;
  header->nlmsg_seq = ++sequence_;
  if (Result<void> sent = send(request.view()); !sent) return sent;
  std::optional<int> end;
  while (!end) {
    Result<MutableBytes> packet = receive();
    if (!packet) return packet.error();
    for_each_message(*packet, [&](nlmsghdr* message) {
      if (message->nlmsg_seq != sequence_ || end) return;
      if (message->nlmsg_type == NLMSG_DONE ||
          message->nlmsg_type == NLMSG_ERROR) {
        end = error_in(message);
      } else {
        each({reinterpret_cast<const std::byte*>(message), message->nlmsg_len});
      }
    });
  }
  return *end == 0 ? Result<void>() : Error::from_errno(*end, "list");
}

Result<std::optional<std::vector<std::byte>>> NetlinkSocket::get(
    NetlinkMessages request) {
  auto* header = reinterpret_cast<nlmsghdr*>(request.view().data());
  header->nlmsg_seq = ++sequence_;
  if (Result<void> sent = send(request.view()); !sent) return sent.error();
  std::optional<int> error;
  std::optional<std::vector<std::byte>> found;
  while (!error && !found) {
    Result<MutableBytes> packet = receive();
    if (!packet) return packet.error();
    for_each_message(*packet, [&](nlmsghdr* message) {
      if (message->nlmsg_seq != sequence_ || error || found) return;
      if (message->nlmsg_type == NLMSG_ERROR) {
        error = error_in(message);
      } else {
        const auto* begin = reinterpret_cast<const std::byte*>(message);
        found.emplace(begin, begin + message->nlmsg_len);
      }
    });
  }
  if (error && *error != ENOENT) return Error::from_errno(*error, "get");
  return found;
}

Result<void> NetlinkSocket::apply(NetlinkMessages messages) {
  Result<void> outcome;
  MutableBytes rest = messages.view();
  while (std::size_t size = first_packet(rest)) {
    Result<void> answered = apply(rest.first(size), outcome);
    if (!answered) return answered;
    rest = rest.subspan(size);
  }
  return outcome;
}

Result<void> NetlinkSocket::apply(MutableBytes packet, Result<void>& outcome) {
  nlmsghdr* last = nullptr;
  for_each_message(packet, [&](nlmsghdr* message) {
    message->nlmsg_seq = ++sequence_;
    last = message;
  });
  last->nlmsg_flags |= NLM_F_ACK;
  if (Result<void> sent = send(packet); !sent) return sent;
  for (bool answered = false; !answered;) {
    Result<MutableBytes> answers = receive();
    if (!answers) return answers.error();
    for_each_message(*answers, [&](const nlmsghdr* answer) {
      if (answer->nlmsg_type != NLMSG_ERROR) return;
      int error = error_in(answer);
      if (error != 0 && error != ENOENT && outcome) {
        outcome = Error::from_errno(error, "the kernel refused");
      }
      answered |= answer->nlmsg_seq == sequence_;
    });
  }
  return {};
}

Result<void> NetlinkSocket::send(Bytes packet) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent = ::sendto(fd_.get(), packet.data(), packet.size(), 0,
                          reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  if (sent < 0) return Error::from_errno(errno, "ask the kernel");
  return {};
}

Result<MutableBytes> NetlinkSocket::receive() {
  using std::chrono::milliseconds;
  for (;;) {
    auto left = std::chrono::ceil<milliseconds>(
        deadline_ - std::chrono::steady_clock::now());
    pollfd wait{fd_.get(), POLLIN, 0};
    int ready =
        ::poll(&wait, 1, static_cast<int>(std::max<long>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0 || left.count() <= 0) {
      return Error::from_errno(ETIMEDOUT, "hear from the kernel");
    }
    ssize_t size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error::from_errno(errno, "hear from the kernel");
    return MutableBytes(buffer_).first(static_cast<std::size_t>(size));
  }
}

}  // namespace ginnel::firewall
