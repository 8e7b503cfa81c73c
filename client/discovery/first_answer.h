// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/steady_timer.hpp>

#include "mux/spawn.h"

namespace ginnel {

// Lets one coroutine wait for something to be known, up to a limit.
class FirstAnswer {
 public:
  explicit FirstAnswer(const asio::any_io_executor& executor)
      : timer_(executor, asio::steady_timer::time_point::max()) {}

  // From when the limit counts.
  void expect_within(asio::steady_timer::duration limit) {
    timer_.expires_after(limit);
  }
  void is_there() {
    there_ = true;
    timer_.cancel();
  }
  // Must not outlive this. False: not within the limit.
  awaitable<bool> wait() {
    while (!there_) {
      auto [error] = co_await timer_.async_wait(as_tuple);
      if (!error) break;
    }
    co_return there_;
  }

 private:
  asio::steady_timer timer_;
  bool there_ = false;
};

}  // namespace ginnel
