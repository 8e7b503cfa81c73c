// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/transport/transport.h"
#include "mux/attach.h"
#include "mux/connection.h"
#include "mux/spawn.h"

namespace ginnel {

// Opens further channels of the SSH connection and joins them to the session,
// where one channel's window does not hold what may be on its way. The session
// works without: a server that gives no more, or a far end that cannot be
// joined, is said once, and not asked again.
//
// Makes the session's key, which never leaves memory, and wipes it at the end.
//
// Held by shared_ptr: a lane that is being opened ends some time after close().
class Lanes : public std::enable_shared_from_this<Lanes> {
 public:
  // In all, with the first. sshd gives a connection ten channels (MaxSessions)
  // and each a window of 2 MiB.
  static constexpr std::size_t kMaxLanes = 8;
  // Over the session's life, so that lanes that keep dying are not opened for
  // ever.
  static constexpr std::size_t kMostOpened = 4 * kMaxLanes;

  // Gives the session its key. Both outlive close(). Throws
  // transport::Failure when the kernel has no random numbers.
  static std::shared_ptr<Lanes> start(asio::any_io_executor executor,
                                      transport::Transport& transport,
                                      mux::Connection& connection);

  // The helper's answer to the key.
  void attachable(const mux::Attachable& where);
  // Opens one more lane, if there may be one and none is being opened.
  void window_wanted();
  // At the end of the session, before the transport is closed.
  void close();

 private:
  Lanes(asio::any_io_executor executor, transport::Transport& transport,
        mux::Connection& connection, const mux::SessionKey& key);

  static awaitable<void> open_one(std::shared_ptr<Lanes> self);
  awaitable<void> join(std::unique_ptr<mux::Link> link);
  void give_up(std::string_view why);

  asio::any_io_executor executor_;
  transport::Transport& transport_;
  mux::Connection& connection_;
  mux::SessionKey key_;
  std::optional<mux::Attachable> where_;  // once it is known
  std::size_t opened_ = 0;
  bool opening_ = false;
  bool given_up_ = false;
  bool closed_ = false;
};

// What starts an attach process in whatever login shell there is: the running
// helper's program, by its process, since its file is gone.
std::string attach_command(const mux::Attachable& where);

}  // namespace ginnel
