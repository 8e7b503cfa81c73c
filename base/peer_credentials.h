// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include "base/result.h"

// Linux only: SO_PEERCRED (elsewhere it is getpeereid or LOCAL_PEERCRED).
namespace ginnel {

// Who made the other end of a connected Unix socket: the ids a process had
// when it called connect(), listen() or socketpair().
struct PeerCredentials {
  pid_t pid = -1;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
};

Result<PeerCredentials> peer_credentials(int socket);

}  // namespace ginnel
