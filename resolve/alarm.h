// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace ginnel {

// Calls its owner back at a time, unless it is destroyed or set anew before: no
// call of an earlier setting is still under way then, as it can be with a bare
// timer. The call may destroy it.
class Alarm {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  Alarm(const asio::any_io_executor& executor, std::function<void()> ring)
      : timer_(executor),
        ring_(std::make_shared<std::function<void()>>(std::move(ring))) {}

  void set(TimePoint time) {
    setting_ = std::make_shared<int>();
    timer_.expires_at(time);
    timer_.async_wait(
        [ring = ring_, setting = std::weak_ptr(setting_)](std::error_code) {
          if (!setting.expired()) (*ring)();
        });
  }
  void set_in(std::chrono::steady_clock::duration time) {
    set(std::chrono::steady_clock::now() + time);
  }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<std::function<void()>> ring_;
  std::shared_ptr<int> setting_;  // gone when another was made
};

}  // namespace ginnel
