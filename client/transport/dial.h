// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "client/transport/ssh_config.h"
#include "client/transport/transport.h"

namespace ginnel::transport {

// A connected TCP socket: non-blocking, TCP_NODELAY, CLOEXEC.
struct Dialed {
  UniqueFd socket;
  Endpoint peer;
};

// All addresses of `host`, in the order the system prefers, of the family that
// AddressFamily ("any", "inet", "inet6") allows. Blocking: it is called before
// anything is captured. Throws Failure.
std::vector<Endpoint> resolve_host(const std::string& host, std::uint16_t port,
                                   const std::string& address_family);

// Connects to the server the configuration names, trying its addresses in
// order, each for ConnectTimeout or ten seconds. Throws Failure that tells what
// became of each.
awaitable<Dialed> dial(SshConfig config, SocketFactory make_socket);

// A plain socket: the factory of a program without a root process.
Result<UniqueFd> plain_socket(Family family);

}  // namespace ginnel::transport
