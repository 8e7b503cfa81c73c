// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mux/frame.h"

namespace ginnel::mux {

// How many bytes of one direction may be on their way, so that the path is
// full and next to nothing waits in it. Told of each run sent and each
// acknowledgement; the time is a parameter. What it does, in rounds (a round
// ends when what was sent before it began is acknowledged, and lasts 10 ms at
// least):
//
// - Start-up: grows by what is acknowledged, which doubles it every round trip,
//   until the least round trip of a round is target() above the least there is.
// - Steady: grows by half of what is missing to the target, at most 5 % a
//   round, and only if it was the limit that held the sender back. Above 1.5
//   times the target it shrinks to what keeps the path full with target() of
//   queue: rate x (least round trip + target). After four rounds without any
//   queue the path is another, and growth doubles each round, up to half.
// - A shrunk limit must bring the round trip down. If it does not, twice, then
//   the queue is somebody else's, or there is none and the way is longer now:
//   the least round trip is measured again and the limit set back. A flow that
//   competes for the queue therefore does not starve us.
// - Measuring it again (also when it has not been seen for ten seconds of
//   work): 15 % less than fills the path for one round trip, so that our own
//   queue is gone; what is then seen replaces the least, up or down.
// - Rounds in which the sender had nothing to send, and was never held back,
//   tell nothing: their acknowledgements are late by up to 10 ms, and what they
//   measure is the sender. After ten seconds without work half the limit is
//   left, and start-up finds the rest.
//
// Below this there is a TCP with a window of its own. It must be able to grow,
// which it does only while it is the one to hold back; so the limit never
// follows it down: a limit that was not reached only shrinks for a queue.
//
// Neither allocates after construction, and a call costs the same however much
// is in flight.
class InFlight {
 public:
  // It begins here: what a link with 10 Mbit/s and 100 ms needs.
  static constexpr std::size_t kInitialLimit = 128 * 1024;
  // Never more: the replay buffer's 16 MiB, with room for control frames.
  static constexpr std::size_t kLimit = 15 * 1024 * 1024;
  static constexpr std::size_t kMinLimit = 4096;
  static constexpr auto kTarget = std::chrono::milliseconds(5);

  InFlight();

  // Payload and headers that may be sent and not acknowledged.
  std::size_t limit() const { return limit_; }
  // A frame with its header: 2 ms of the line, from 1 to 16 KiB.
  std::size_t frame_limit() const;
  // Unsent bytes below the session: 2 ms of the line, a frame at least.
  std::size_t backlog_limit() const;

  // Bytes up to `end` have been handed to the link.
  void on_sent(Position end, TimePoint now);
  // The other end has everything before `position`.
  void on_acknowledged(Position position, TimePoint now);
  // There is nothing to send although the limit would allow it.
  void on_app_limited(TimePoint now);
  // Another link: what was learnt of the old one is void. What is in flight is
  // to be counted from `acknowledged`, which the other end has.
  void restart(Position acknowledged, TimePoint now);

  // RFC 6298's smoothed round trip, the other end's up to 10 ms of waiting
  // with its acknowledgement included; 100 ms before the first sample.
  Clock::duration smoothed_rtt() const { return smoothed_; }
  // The least round trip, without queues; zero before the first sample.
  Clock::duration least_rtt() const {
    return least_ == Clock::duration::max() ? Clock::duration::zero() : least_;
  }
  // Bytes a second: the most that was acknowledged in a round trip of late.
  double rate() const;
  // The queueing delay that is aimed at: 5 ms, more where a few frames or the
  // other end's acknowledging take longer than that.
  Clock::duration target() const;

 private:
  // Of something sent: enough to tell its round trip, and the rate at which
  // what was then in flight came out at the other end.
  struct Mark {
    Position end;
    Position acknowledged;        // when it was sent
    TimePoint last_acknowledged;  // when that was heard
    TimePoint when;
    bool app_limited;  // there was not always more to send before it
    bool last;         // nor after it
  };
  // A power of two; 24 KiB. Marks are farther apart when more are needed.
  static constexpr std::size_t kMarks = 512;

  enum class Phase {
    kStartUp,
    kSteady,
    kDrain,    // sending less, to see the round trip without our queue
    kMeasure,  // what was sent while draining comes back
  };

  bool full() const { return sent_ - acknowledged_ + frame_limit() >= limit_; }
  void push_mark(TimePoint now);
  const Mark* take_marks(Position position);
  void take_sample(const Mark& mark, Position position, TimePoint now);
  void note_silence(Clock::duration silence);
  void begin_round(TimePoint now);
  void end_round(TimePoint now);
  void hear_noise();
  bool rate_grows() const;
  void start_up(double count, TimePoint now);
  void leave_start_up();
  void steady_round(TimePoint now);
  void compare_rates();
  void forget_history();
  void deaf_round(Clock::duration queue);
  void grow(Clock::duration queue);
  void ease(Clock::duration queue);
  void shrink();
  bool unanswered(bool too_much);
  void begin_drain();
  void end_measure(TimePoint now);
  void set_limit(double bytes);
  Clock::duration ack_interval() const;
  Clock::duration start_up_target() const;
  double bytes_in(Clock::duration time) const;

  std::size_t limit_ = kInitialLimit;
  Phase phase_ = Phase::kStartUp;
  Position sent_ = 0;
  Position acknowledged_ = 0;
  TimePoint last_acknowledged_{};
  TimePoint last_acknowledged_sent_{};  // when that was

  std::vector<Mark> marks_;  // a ring
  std::size_t first_mark_ = 0;
  std::size_t mark_count_ = 0;
  Position app_limited_until_ = 0;

  Clock::duration smoothed_;
  bool sampled_ = false;
  Clock::duration least_ = Clock::duration::max();
  TimePoint least_seen_{};
  Clock::duration noise_{};
  Clock::duration last_round_least_ = Clock::duration::max();
  Clock::duration round_before_least_ = Clock::duration::max();
  // The best rate of this round and of the last few with work.
  std::array<double, 4> rates_{};
  TimePoint rates_moved_{};
  bool rate_known_ = false;

  // This round.
  Position round_end_ = 0;
  TimePoint round_began_{};
  Clock::duration round_least_ = Clock::duration::max();
  int round_samples_ = 0;
  std::size_t round_most_ = 0;    // in flight
  bool round_full_ = false;       // the limit held the sender back
  bool last_round_full_ = false;  // whose bytes this round's samples are of
  bool round_worked_ = false;     // samples of a sender with enough to send
  bool round_stalled_ = false;    // nothing was heard for too long
  bool round_blocked_ = false;    // for half a round trip
  TimePoint last_worked_{};
  bool stale_ = false;

  // Start-up: of the last half round trip.
  TimePoint half_began_{};
  Clock::duration half_least_ = Clock::duration::max();
  int half_samples_ = 0;
  std::array<double, 2> rate_before_halves_{};

  int rounds_without_queue_ = 0;
  struct Past {
    double limit = 0;
    double rate = 0;
  };
  std::array<Past, 7> history_{};  // of the last rounds, the last first
  bool rate_follows_ = false;
  // A shrunk limit, until it has had its effect.
  int settling_ = 0;
  Clock::duration rtt_before_shrink_{};
  Clock::duration expected_fall_{};
  int unanswered_ = 0;
  int deaf_rounds_ = 0;  // still to come
  int deafness_ = 0;     // how many there were the last time
  // As it was before shrinking turned out to be of no use, or the drain.
  double limit_before_drain_ = 0;
  double rate_before_ = 0;
  double refill_to_ = 0;  // the limit, little by little
  Clock::duration least_before_drain_{};
};

}  // namespace ginnel::mux
