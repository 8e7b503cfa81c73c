// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <vector>

namespace ginnel::mux {

// Tells thousands of sockets when the kernel has news of them, for one system
// call in a socket's life: each is registered once, edge-triggered, in an epoll
// set of its own, and the loop watches the set as one descriptor. asio's own
// waits would cost an epoll_ctl() and an allocation each, which is one or two
// of each for every frame of an interactive stream, and twice the memory for
// an idle one.
//
// One for each io_context: it is a service of the context.
class SocketPoller : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;

  // What is told. `events` are epoll's: EPOLLIN, EPOLLRDHUP, EPOLLOUT, EPOLLERR
  // and EPOLLHUP, those that hold now. They are told when one of them comes
  // about, and not again because nothing was done about it: who wants to read
  // on must have read to the end, or until EAGAIN.
  class Watcher {
   public:
    virtual void ready(std::uint32_t events) = 0;

   protected:
    ~Watcher() = default;
  };

  // A place in the poller's table, to be given back.
  using Ticket = std::uint32_t;

  static SocketPoller& of(const asio::any_io_executor& executor);

  explicit SocketPoller(asio::io_context& context);

  // Watches `fd`, from what holds already on, until unwatch(). Never calls
  // `watcher` before it returns.
  Ticket watch(int fd, Watcher& watcher);
  // No more calls. The descriptor is to be closed soon.
  void unwatch(Ticket ticket);

 private:
  // So many are told before everything else has a turn.
  static constexpr int kBatch = 128;

  // A copy of a descriptor in a child that has not yet called exec keeps its
  // registration alive: the generation tells such news from that of the place's
  // next holder.
  struct Place {
    Watcher* watcher = nullptr;
    std::uint32_t generation = 0;
  };

  void shutdown() override;
  void wait();
  void tell();

  std::vector<Place> places_;
  std::vector<Ticket> free_places_;
  asio::posix::stream_descriptor set_;
  bool waiting_ = false;
};

}  // namespace ginnel::mux
