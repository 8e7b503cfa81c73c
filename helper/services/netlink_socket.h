// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <vector>

#include "mux/spawn.h"
#include "names/netlink.h"

// Asking the kernel about networks and neighbours (rtnetlink(7)), for which
// nobody needs to be root.
namespace ginnel {

// The sequence number of every request: each has a socket of its own.
inline constexpr std::uint32_t kDumpSequence = 1;

// Sends `request`, made with kDumpSequence, and calls `each` for what is
// listed. The kernel has each piece of the list ready when it is read; between
// two, others have their turn.
awaitable<Result<netlink::DumpProgress>> netlink_dump(
    asio::any_io_executor executor, std::vector<std::byte> request,
    std::function<void(const netlink::Message&)> each);

// Rings when something changes in `groups` (RTMGRP_...). What has changed is
// not read: whoever hears it lists anew. So a bell that the kernel could not
// ring often enough (ENOBUFS) is a bell like any other.
class NetlinkBell {
 public:
  static Result<NetlinkBell> open(asio::any_io_executor executor,
                                  unsigned groups);

  // False: closed.
  awaitable<bool> wait();
  // It stops ringing for what was before.
  void silence();
  void close();

 private:
  explicit NetlinkBell(asio::posix::stream_descriptor socket)
      : socket_(std::move(socket)) {}

  asio::posix::stream_descriptor socket_;
};

}  // namespace ginnel
