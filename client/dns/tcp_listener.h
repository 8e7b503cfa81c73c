// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <set>

#include "base/net_types.h"
#include "base/unique_fd.h"
#include "client/dns/look_ups.h"
#include "mux/spawn.h"

namespace ginnel {

// Takes look-ups over TCP (RFC 7766) that the firewall redirects to one
// listener. Queries of a connection may follow each other without waiting; the
// answers come in whatever order they are ready. A connection that was
// neither redirected nor made on this machine is a stranger's, and is closed.
class TcpListener {
 public:
  // At once; more wait in the kernel's queue.
  static constexpr std::size_t kMaxConnections = 256;
  // Unanswered ones of a connection, after which it is not read from.
  static constexpr std::size_t kMaxQueries = 32;
  // Without a query, and for the rest of one that has begun.
  static constexpr auto kIdle = std::chrono::seconds(10);

  TcpListener(asio::any_io_executor executor, UniqueFd socket, Family family,
              LookUps& look_ups);

  // Serves until close(). Held by a shared_ptr for as long as connections are.
  static awaitable<void> run(std::shared_ptr<TcpListener> self);
  // Ends its connections, too.
  void close();

 private:
  class Connection;

  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  LookUps& look_ups_;
  std::set<Connection*> connections_;
  bool closed_ = false;
};

}  // namespace ginnel
