// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <string>

#include "client/transport/choose.h"
#include "client/transport/ssh_options.h"
#include "client/transport/transport.h"

namespace ginnel::transport {

// Everything open() needs to know.
struct Request {
  SshOptions ssh;
  Kind kind = Kind::kAuto;
  SocketFactory make_socket;  // empty: plain sockets
  LineSink stderr_line;       // empty: stderr is dropped
  // Told which transport it will be, before anything is connected or started.
  // With the file that a new host key would be added to, or, when there is
  // none yet, the folder; empty when nothing would be written.
  std::function<void(Kind, const std::string& known_hosts)> chosen;

  Request() = default;
};

// Everything that can be found wrong with what the person typed, before
// anything is connected or started: -F, -o, -i, -e, a forced transport that
// cannot, and, where we resolve it ourselves (no proxy, no -e), a host name
// without an address. One sentence. Blocking: runs `ssh -G` (10 ms) and asks
// the resolver.
Result<void> check(const SshOptions& ssh, Kind kind);

// Reads the ssh configuration, takes a transport (log::info says which and
// why), and, for libssh, connects and logs in. May ask on the terminal.
// Throws Failure, or Interrupted when a signal ended a question.
awaitable<std::unique_ptr<Transport>> open(Request request);

}  // namespace ginnel::transport
