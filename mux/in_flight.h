// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>

#include "mux/frame.h"

namespace ginnel::mux {

// How many bytes of one direction may be on their way, and the round trips
// measured from what comes back. Told of each run sent and each
// acknowledgement; the time is a parameter.
//
// The limit is 2 MiB, the window that sshd gives a channel: more would only
// wait in its buffers.
class InFlight {
 public:
  static constexpr std::size_t kLimit = 2 * 1024 * 1024;

  std::size_t limit() const { return kLimit; }
  std::size_t backlog_limit() const { return 128 * 1024; }

  // Bytes up to `end` have been handed to the link.
  void on_sent(Position end, TimePoint now) {
    // A mark a millisecond is finer than acknowledgements come.
    if (!marks_.empty() && now - marks_.back().when < kMarkInterval) return;
    if (marks_.size() < kMaxMarks) marks_.push_back({end, now});
  }

  // The other end has everything before `position`.
  void on_acknowledged(Position position, TimePoint now) {
    std::optional<TimePoint> sent;
    while (!marks_.empty() && marks_.front().end <= position) {
      sent = marks_.front().when;
      marks_.pop_front();
    }
    if (sent) on_sample(now - *sent);
  }

  // RFC 6298's smoothed round trip, the other end's up to 10 ms of waiting
  // with its acknowledgement included; 100 ms before the first sample.
  Clock::duration smoothed_rtt() const { return smoothed_; }

 private:
  static constexpr auto kMarkInterval = std::chrono::milliseconds(1);
  static constexpr std::size_t kMaxMarks = 1024;

  struct Mark {
    Position end;
    TimePoint when;
  };

  void on_sample(Clock::duration sample) {
    smoothed_ = sampled_ ? smoothed_ + (sample - smoothed_) / 8 : sample;
    sampled_ = true;
  }

  std::deque<Mark> marks_;
  Clock::duration smoothed_ = std::chrono::milliseconds(100);
  bool sampled_ = false;
};

}  // namespace ginnel::mux
