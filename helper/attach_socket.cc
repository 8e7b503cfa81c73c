// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/attach_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "base/peer_credentials.h"
#include "base/strings.h"

namespace ginnel {
namespace {

constexpr std::string_view kGreeting = "attach";
constexpr int kBacklog = 16;
constexpr timeval kConnectLimit{10, 0};

// Room for more descriptors than there should be, so that a third one shows.
constexpr std::size_t kRoom = 8;
struct alignas(cmsghdr) Control {
  char bytes[CMSG_SPACE(kRoom * sizeof(int))];
};

struct Address {
  explicit Address(std::string_view name) {
    assert(name.size() < sizeof path.sun_path);
    path.sun_family = AF_UNIX;
    std::memcpy(path.sun_path + 1, name.data(), name.size());
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                  name.size());
  }
  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&path);
  }
  sockaddr_un path{};
  socklen_t size;
};

Result<UniqueFd> make_socket(int flags) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!fd) return Error::from_errno(errno, "make a Unix socket");
  return fd;
}

std::vector<UniqueFd> take_descriptors(msghdr& header) {
  std::vector<UniqueFd> taken;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      taken.emplace_back(fd);
    }
  }
  return taken;
}

}  // namespace

Result<UniqueFd> listen_for_streams(std::string_view name) {
  Result<UniqueFd> fd = make_socket(SOCK_NONBLOCK);
  if (!fd) return fd;
  Address address(name);
  if (::bind(fd->get(), address.get(), address.size) < 0 ||
      ::listen(fd->get(), kBacklog) < 0) {
    return Error::from_errno(errno, "listen on an abstract Unix socket");
  }
  return fd;
}

Result<UniqueFd> connect_for_streams(std::string_view name) {
  Result<UniqueFd> fd = make_socket(0);
  if (!fd) return fd;
  // Holds for connect(2), which waits while the backlog is full.
  setsockopt(fd->get(), SOL_SOCKET, SO_SNDTIMEO, &kConnectLimit,
             sizeof kConnectLimit);
  Address address(name);
  if (::connect(fd->get(), address.get(), address.size) < 0) {
    return Error::from_errno(errno, "reach the helper that runs");
  }
  if (Result<void> own = check_own(fd->get()); !own) return own.error();
  return fd;
}

Result<void> check_own(int socket) {
  Result<PeerCredentials> peer = peer_credentials(socket);
  if (!peer) return peer.error();
  if (peer->uid != ::geteuid()) {
    return Error(concat("the other end belongs to uid ", peer->uid));
  }
  return {};
}

Result<void> send_streams(int socket, int input, int output) {
  const std::array<int, 2> streams = {input, output};
  iovec part{const_cast<char*>(kGreeting.data()), kGreeting.size()};
  Control control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = CMSG_SPACE(sizeof streams);
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof streams);
  std::memcpy(CMSG_DATA(rights), streams.data(), sizeof streams);
  if (::sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
    return Error::from_errno(errno, "hand stdin and stdout to the helper");
  }
  return {};
}

Result<Streams> receive_streams(int socket) {
  // One byte more than the greeting shows a longer message.
  std::array<char, kGreeting.size() + 1> text;
  iovec part{text.data(), text.size()};
  Control control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  ssize_t size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0) return Error::from_errno(errno, "take a link's streams");
  std::vector<UniqueFd> taken = take_descriptors(header);
  std::string_view said(text.data(), static_cast<std::size_t>(size));
  if (said != kGreeting || taken.size() != 2 ||
      header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    return Error("a process of ours that is no attach process");
  }
  Streams streams;
  streams.input = std::move(taken[0]);
  streams.output = std::move(taken[1]);
  return streams;
}

void send_refusal(int socket, std::string_view why) {
  why = why.substr(0, kMaxRefusal);
  // Whoever has gone need not be told.
  [[maybe_unused]] ssize_t sent =
      ::send(socket, why.data(), why.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace ginnel
