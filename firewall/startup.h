// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

// How ginnel-firewall comes to its socket, and what it leaves behind before it
// reads the first request. Linux only.
namespace ginnel::firewall {

// Opens /dev/null where a standard stream is closed, so that no socket is ever
// mistaken for one.
void fill_standard_streams();

// The socket that the parent process left at descriptor `fd`. An error when it
// is not a SOCK_SEQPACKET Unix socket.
Result<UniqueFd> inherited_socket(int fd);

// Forks, leaves the session and connects to the socket at `path`, with the
// rights of whoever called sudo (doas, pkexec), and only returns, in the
// child, if that same user listens there. The parent exits when that is
// settled: 0, or 99 after a sentence on stderr. It must not exit earlier: its
// status is what sudo's caller sees. It must not stay longer: sudo waits for
// it, and holds the terminal.
UniqueFd connect_back(const std::string& path);

// Lets go of everything but `client`: session, terminal, working folder,
// environment, other descriptors, and all capabilities but CAP_NET_ADMIN,
// which netfilter, SO_MARK and large socket buffers need. Listeners need none,
// because none has a port below 1024. From here on only the closed socket ends
// the process; logging goes to syslog, but never waits for it. The socket gets
// another number.
Result<void> detach(UniqueFd& client);

}  // namespace ginnel::firewall
