// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/peer_credentials.h"

#include <sys/socket.h>

#include <cerrno>

namespace ginnel {

Result<PeerCredentials> peer_credentials(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
    return Error::from_errno(errno, "ask who is at the other end");
  }
  PeerCredentials credentials;
  credentials.pid = peer.pid;
  credentials.uid = peer.uid;
  credentials.gid = peer.gid;
  return credentials;
}

}  // namespace ginnel
