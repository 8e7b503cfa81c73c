// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "mux/socket_poller.h"
#include "resolve/name_servers.h"

namespace ginnel {

// One query with one name server, on a socket of its own. The socket is
// connected, so that nobody else's datagrams arrive, and a server that is not
// there is noticed at once by its ICMP message; the kernel draws the port at
// random, anew for each. What does not match the query is passed over. Has no
// deadline: its owner has.
class DnsExchange : public mux::SocketPoller::Watcher {
 public:
  // In each of these the owner may destroy the exchange.
  class Owner {
   public:
    virtual void answered(DnsExchange& exchange,
                          std::vector<std::byte> answer) = 0;
    // The server cannot be reached, or does not speak DNS.
    virtual void failed(DnsExchange& exchange) = 0;

   protected:
    ~Owner() = default;
  };

  // Sends `query`, which has an id that nobody can guess, from `socket`, a new
  // one of that kind and the server's family that does not block. Null when
  // there is no socket, or the server cannot be sent anything. The owner is not
  // called before this returns.
  static std::unique_ptr<DnsExchange> by_udp(mux::SocketPoller& poller,
                                             UniqueFd socket,
                                             const NameServer& server,
                                             std::vector<std::byte> query,
                                             Owner& owner);
  static std::unique_ptr<DnsExchange> by_tcp(mux::SocketPoller& poller,
                                             UniqueFd socket,
                                             const NameServer& server,
                                             std::vector<std::byte> query,
                                             Owner& owner);

  DnsExchange(const DnsExchange&) = delete;
  DnsExchange& operator=(const DnsExchange&) = delete;
  virtual ~DnsExchange();

 protected:
  DnsExchange(mux::SocketPoller& poller, UniqueFd socket,
              std::vector<std::byte> query, Owner& owner);

  int fd() const { return socket_.get(); }
  const std::vector<std::byte>& query() const { return query_; }
  Owner& owner() { return owner_; }

 private:
  mux::SocketPoller& poller_;
  UniqueFd socket_;
  mux::SocketPoller::Ticket ticket_;
  std::vector<std::byte> query_;
  Owner& owner_;
};

}  // namespace ginnel
