// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "mux/socket_poller.h"
#include "resolve/links.h"

namespace ginnel {

// A UDP socket for multicasts (and IPv4 broadcasts) of one family that tells
// which link a datagram came by, and sends by the link it is told.
class MulticastSocket : private mux::SocketPoller::Watcher {
 public:
  struct Datagram {
    Bytes bytes;
    Endpoint from;
    unsigned link = 0;  // its index
  };
  class Owner {
   public:
    // May destroy the socket.
    virtual void datagram(const Datagram& datagram) = 0;

   protected:
    ~Owner() = default;
  };

  // Read at one go; the rest waits, and what the kernel has no room for is
  // lost: a flood costs no more than that.
  static constexpr int kBatch = 32;

  // At a port that the kernel draws. Null when there are no sockets (of this
  // family).
  static std::unique_ptr<MulticastSocket> open(
      const asio::any_io_executor& executor, Family family, Owner& owner);
  // Hears what is sent to `group` on `link`, and sends from that port. Bound to
  // the group's address, it hears nothing that is sent to this machine alone:
  // that is for the one program here that owns the port. Null when somebody has
  // the port for himself.
  static std::unique_ptr<MulticastSocket> join(
      const asio::any_io_executor& executor, const Endpoint& group,
      const Link& link, Owner& owner);

  ~MulticastSocket();
  MulticastSocket(const MulticastSocket&) = delete;
  MulticastSocket& operator=(const MulticastSocket&) = delete;

  // Lost when it cannot be sent at once. `link` is an index; 0: whichever leads
  // there.
  void send(Bytes bytes, const Endpoint& to, unsigned link);
  Family family() const { return family_; }

 private:
  MulticastSocket(const asio::any_io_executor& executor, Family family,
                  UniqueFd fd, Owner& owner);
  void ready(std::uint32_t events) override;
  bool receive(Datagram& datagram, std::vector<std::byte>& room);
  void read_batch();

  mux::SocketPoller& poller_;
  const asio::any_io_executor executor_;
  Family family_;
  UniqueFd fd_;
  Owner& owner_;
  mux::SocketPoller::Ticket ticket_;
  std::shared_ptr<bool>
      alive_;  // false once destroyed, for who may be the last
};

}  // namespace ginnel
