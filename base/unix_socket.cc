// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cassert>
#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace ginnel {
namespace {

Result<UniqueFd> make_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "make a Unix socket");
  return fd;
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path ||
      path.find('\0') != std::string::npos) {
    return Error(concat("the socket path '", printable(path),
                        "' must have 1 to ", sizeof address.sun_path - 1,
                        " bytes"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// Room for two descriptors, so that a second one shows instead of being
// dropped unseen.
struct alignas(cmsghdr) Control {
  char bytes[CMSG_SPACE(2 * sizeof(int))];
};

// All descriptors that came with `header`, owned.
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

Result<std::pair<UniqueFd, UniqueFd>> seqpacket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
    return Error::from_errno(errno, "make a pair of Unix sockets");
  }
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Result<UniqueFd> listen_seqpacket(const std::string& path) {
  Result<sockaddr_un> address = address_of(path);
  if (!address) return address.error();
  Result<UniqueFd> fd = make_socket();
  if (!fd) return fd;
  const auto* generic = reinterpret_cast<const sockaddr*>(&*address);
  if (::bind(fd->get(), generic, sizeof *address) < 0 ||
      ::listen(fd->get(), 1) < 0) {
    return Error::from_errno(errno, "listen at " + printable(path));
  }
  return fd;
}

Result<UniqueFd> connect_seqpacket(const std::string& path) {
  Result<sockaddr_un> address = address_of(path);
  if (!address) return address.error();
  Result<UniqueFd> fd = make_socket();
  if (!fd) return fd;
  const auto* generic = reinterpret_cast<const sockaddr*>(&*address);
  if (::connect(fd->get(), generic, sizeof *address) < 0) {
    return Error::from_errno(errno, "connect to " + printable(path));
  }
  return fd;
}

Result<void> send_message(int socket, Bytes message, int passed) {
  assert(!message.empty());
  iovec part{const_cast<std::byte*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  Control control{};
  if (passed >= 0) {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof passed);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(rights), &passed, sizeof passed);
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return Error::from_errno(errno, "send on a Unix socket");
  return {};
}

Result<std::optional<Message>> receive_message(int socket, std::size_t limit,
                                               Passing passing) {
  Message message;
  message.bytes.resize(limit);
  iovec part{message.bytes.data(), message.bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  Control control;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  ssize_t size;
  do {
    size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    // A peer that ended with our message unread: told once, before what it
    // said last.
  } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
  if (size < 0) return Error::from_errno(errno, "receive on a Unix socket");
  if (size == 0) return std::optional<Message>();

  std::vector<UniqueFd> descriptors = take_descriptors(header);
  if (header.msg_flags & MSG_TRUNC) {
    return Error(concat("a message of more than ", limit, " bytes"));
  }
  std::size_t allowed = passing == Passing::kAccept ? 1 : 0;
  if (descriptors.size() > allowed || header.msg_flags & MSG_CTRUNC) {
    return Error("a message with a descriptor too many");
  }
  if (!descriptors.empty()) message.passed = std::move(descriptors.front());
  message.bytes.resize(static_cast<std::size_t>(size));
  return std::optional<Message>(std::move(message));
}

}  // namespace ginnel
