// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <chrono>
#include <vector>

#include "mux/spawn.h"

namespace ginnel::transport {

// Where coroutines wait until something may have changed; they look again
// after each wake. It must outlive whoever waits.
class Wakeup {
 public:
  using TimePoint = asio::steady_timer::time_point;

  Wakeup() = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // Wakes everyone who waits now.
  void notify() {
    for (asio::steady_timer* timer : waiting_) timer->cancel();
  }

  // False: `deadline` came first.
  awaitable<bool> wait(TimePoint deadline = TimePoint::max()) {
    asio::steady_timer timer(co_await asio::this_coro::executor, deadline);
    Entry entry(waiting_, &timer);
    auto [woken] = co_await timer.async_wait(as_tuple);
    co_return static_cast<bool>(woken);
  }

 private:
  struct Entry {
    Entry(std::vector<asio::steady_timer*>& all, asio::steady_timer* one)
        : list(all), timer(one) {
      list.push_back(timer);
    }
    Entry(const Entry&) = delete;
    ~Entry() { std::erase(list, timer); }
    std::vector<asio::steady_timer*>& list;
    asio::steady_timer* timer;
  };

  std::vector<asio::steady_timer*> waiting_;
};

}  // namespace ginnel::transport
