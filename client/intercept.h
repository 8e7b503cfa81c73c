// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include "base/unique_fd.h"
#include "mux/session.h"
#include "mux/socket_poller.h"
#include "mux/spawn.h"

namespace ginnel {

// Accepts the connections that the firewall redirects to one listener, and
// opens a stream to where each was going. One that was not redirected is a
// stranger's, and is reset. With no descriptors left it waits and tries again;
// what is established is unharmed.
class Interceptor {
 public:
  // `listener` listens for `family`.
  Interceptor(asio::any_io_executor executor, UniqueFd listener, Family family,
              mux::Session& session);

  // Serves until close().
  awaitable<void> run();
  void close();

 private:
  // Accepts what is there. False: the process is out of descriptors.
  bool accept_waiting();
  void intercept(UniqueFd connection);

  mux::SocketPoller& poller_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  mux::Session& session_;
};

}  // namespace ginnel
