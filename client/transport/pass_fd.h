// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "base/result.h"

namespace ginnel::transport {

// How `ssh` comes to use a TCP socket that we connected and marked.
//
// ssh's `ProxyUseFdpass yes` makes it take a connected descriptor from its
// ProxyCommand's stdout. ssh closes whatever else it inherits, but leaves its
// stderr to the ProxyCommand: so the child's stderr is a socketpair, we send
// the TCP socket into our end of it, and the ProxyCommand, which is this
// program again with --pass-fd, receives it from its stderr and sends it to
// its stdout.

inline constexpr const char* kPassFdFlag = "--pass-fd";

// What `ginnel --pass-fd` does; main() calls it before anything else when
// argv[1] is that. Returns the exit status.
int pass_fd_main();

// Sends the descriptor `fd` over the Unix socket `over`.
Result<void> send_fd(int over, int fd);

}  // namespace ginnel::transport
