// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "client/transport/child.h"
#include "client/transport/line_splitter.h"
#include "client/transport/transport.h"
#include "client/transport/wakeup.h"

namespace ginnel::transport {

// A running `ssh` program: its process, and the lines it writes to stderr.
// Held by shared_ptr: the link, the transport and the coroutines that read
// stderr and await the end finish at unknown times.
class SshChild : public std::enable_shared_from_this<SshChild> {
 public:
  // `errors` is our end of its stderr.
  SshChild(asio::any_io_executor executor, Child child, UniqueFd errors,
           LineSink sink);

  // Starts reading stderr.
  void watch();

  // Waits until it has ended, at most for a short while: it is asked after its
  // stdout ended, and ssh exits then. Nothing if it still runs.
  awaitable<std::optional<int>> await_exit();

  // Ends it: SIGTERM, SIGKILL two seconds later, reaped. Returns at once.
  void terminate();
  bool terminating() const { return terminating_; }

  // "ssh exited with status 255: Connection refused"; what it said last, which
  // the sink is then not told.
  std::string take_last_words(int status);

 private:
  static awaitable<void> read_errors(std::shared_ptr<SshChild> self);
  static awaitable<void> see_out(std::shared_ptr<SshChild> self);
  awaitable<bool> exits_within(std::chrono::milliseconds limit);
  void add_line(std::string line);
  void tell_all_but(std::size_t count);

  asio::any_io_executor executor_;
  Child child_;
  asio::posix::stream_descriptor errors_;
  LineSink sink_;
  LineSplitter lines_;
  // Not yet told to the sink: ssh may end with them, and they are its reason.
  std::deque<std::string> untold_;
  asio::steady_timer telling_;
  bool errors_ended_ = false;
  Wakeup errors_end_;
  bool terminating_ = false;
};

}  // namespace ginnel::transport
