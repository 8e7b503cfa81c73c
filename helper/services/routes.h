// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <string_view>

#include "base/net_types.h"
#include "mux/stream.h"

namespace ginnel {

// Serves mux::Service::kRoutes: the networks that this machine's main routing
// table leads to, then the changes. Told are
//
//   - unicast routes; no default, loopback, link-local or multicast ones (see
//     netlink::parse_route()),
//   - no host route to the client itself: the address from which this login
//     came, as sshd told it ($SSH_CONNECTION). A network in which the client
//     stands among others is told; which of its own addresses and networks a
//     client leaves alone, it knows better,
//   - at most names::kMaxRoutes: private networks first, then the widest.
//
// The kernel's news is no more than a bell: at each the table is read anew and
// the difference is told, no sooner than 200 ms after the bell and twenty times
// as long as reading takes, so that a table with all of the Internet in it,
// which never rests, costs at most a twentieth of a processor.
std::shared_ptr<mux::StreamHandler> serve_routes(asio::any_io_executor executor,
                                                 mux::Stream& stream);

// The client's address in the words of $SSH_CONNECTION ("client port server
// port"); nothing when there is none.
std::optional<IpAddress> client_address(std::string_view ssh_connection);

}  // namespace ginnel
