// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/pass_fd.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"

namespace ginnel::transport {
namespace {

// One byte with room for one descriptor, as OpenSSH's monitor_fdpass.c has it.
struct FdMessage {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr header{};

  FdMessage() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
  FdMessage(const FdMessage&) = delete;
  FdMessage& operator=(const FdMessage&) = delete;
};

Result<UniqueFd> receive_fd(int from) {
  FdMessage message;
  ssize_t got;
  do {
    got = recvmsg(from, &message.header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Error::from_errno(errno, "receiving a socket");
  cmsghdr* control = CMSG_FIRSTHDR(&message.header);
  if (got != 1 || !control || control->cmsg_type != SCM_RIGHTS ||
      control->cmsg_len != CMSG_LEN(sizeof(int))) {
    return Error("no socket was passed");
  }
  int fd;
  std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
  return UniqueFd(fd);
}

}  // namespace

Result<void> send_fd(int over, int fd) {
  FdMessage message;
  cmsghdr* control = CMSG_FIRSTHDR(&message.header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(control), &fd, sizeof fd);
  if (sendmsg(over, &message.header, MSG_NOSIGNAL) != 1) {
    return Error::from_errno(errno, "passing a socket");
  }
  return {};
}

int pass_fd_main() {
  auto socket = receive_fd(STDERR_FILENO);
  if (!socket) return 1;
  return send_fd(STDOUT_FILENO, socket->get()) ? 0 : 1;
}

}  // namespace ginnel::transport
