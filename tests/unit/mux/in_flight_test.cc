// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/in_flight.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <random>
#include <vector>

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr double kMbit = 1e6 / 8;

Clock::duration seconds(double time) {
  return std::chrono::duration_cast<Clock::duration>(Seconds(time));
}

// A sender that keeps to the limit, a line with a rate, a delay and as much
// queue as it takes, and a receiver that acknowledges as PROTOCOL.md has it.
class Line {
 public:
  Line(double mbits, Clock::duration rtt) : rate_(mbits * kMbit), rtt_(rtt) {}

  void set_rate(double mbits) { rate_ = mbits * kMbit; }
  void set_rtt(Clock::duration rtt) { rtt_ = rtt; }
  // Somebody else's queue, through which everything goes.
  void set_foreign_queue(Clock::duration delay) { foreign_ = delay; }
  // What the TCP below lets through before it hears of it.
  void set_window(std::size_t bytes) { window_ = bytes; }
  // Each acknowledgement is up to this much late.
  void set_noise(Clock::duration noise) { noise_ = noise; }

  // Every so often acknowledgements are held back for this long, and then come
  // at once.
  void set_stalls(Clock::duration stall, Clock::duration every) {
    stall_ = stall;
    stall_every_ = every;
  }

  // With always more to send, or with so many bytes every now and then.
  void bulk(Clock::duration time) { run(time, SIZE_MAX, 1h); }
  void sparse(Clock::duration time, std::size_t bytes, Clock::duration every) {
    run(time, bytes, every);
  }
  void idle(Clock::duration time) {
    run(1s, 0, 1h);
    now_ += time;
  }

  InFlight control;

  // Of the last run.
  double mbits() const {
    return static_cast<double>(received_) / kMbit / took_;
  }
  // Which 95 % of the frames did not exceed.
  Clock::duration queue() {
    auto at = queues_.begin() + static_cast<long>(queues_.size()) * 95 / 100;
    std::nth_element(queues_.begin(), at, queues_.end());
    return *at;
  }
  std::size_t most_in_flight() const { return most_in_flight_; }
  std::size_t limit() const { return control.limit(); }
  // What fills the path without a queue.
  double bdp() const { return rate_ * Seconds(rtt_).count(); }
  double filled() const { return static_cast<double>(limit()) / bdp(); }

 private:
  struct Frame {
    Position end;
    TimePoint arrives;
  };
  struct Ack {
    Position position;
    TimePoint arrives;
  };

  void run(Clock::duration time, std::size_t bytes, Clock::duration every) {
    TimePoint end = now_ + time, next_piece = now_;
    received_ = most_in_flight_ = 0;
    queues_.clear();
    took_ = Seconds(time).count();
    std::size_t wanted = 0;
    while (now_ < end) {
      if (now_ >= next_piece) {
        wanted = bytes;
        next_piece = now_ + every;
      }
      send(wanted);
      TimePoint then = std::min(end, next_piece);
      if (!frames_.empty()) then = std::min(then, frames_.front().arrives);
      if (!acks_.empty()) then = std::min(then, acks_.front().arrives);
      if (ack_timer_) then = std::min(then, *ack_timer_);
      now_ = std::max(now_, then);
      receive();
    }
  }

  void send(std::size_t& wanted) {
    while (wanted > 0 && sent_ - acked_ < std::min(limit(), window_)) {
      std::size_t size = std::min(control.frame_limit(), wanted);
      if (wanted != SIZE_MAX) wanted -= size;
      sent_ += size;
      most_in_flight_ = std::max<std::size_t>(most_in_flight_, sent_ - acked_);
      control.on_sent(sent_, now_);
      free_at_ =
          std::max(free_at_, now_) + seconds(static_cast<double>(size) / rate_);
      queues_.push_back(free_at_ - now_);
      frames_.push_back({sent_, free_at_ + rtt_ / 2 + foreign_});
    }
    if (wanted == 0 && sent_ - acked_ < limit()) control.on_app_limited(now_);
  }

  void receive() {
    while (!frames_.empty() && frames_.front().arrives <= now_) {
      received_ += frames_.front().end - arrived_;
      arrived_ = frames_.front().end;
      frames_.pop_front();
      if (!ack_timer_) ack_timer_ = now_ + 10ms;
      if (arrived_ - told_ >= 2 * control.frame_limit()) acknowledge();
    }
    if (ack_timer_ && now_ >= *ack_timer_) acknowledge();
    while (!acks_.empty() && acks_.front().arrives <= now_) {
      acked_ = acks_.front().position;
      acks_.pop_front();
      control.on_acknowledged(acked_, now_);
    }
  }

  void acknowledge() {
    Clock::duration late{};
    if (noise_ > 0ms) late = Clock::duration(random_() % noise_.count());
    TimePoint arrives = now_ + rtt_ / 2 + late;
    if (stall_ > 0ms) {
      Clock::duration since = arrives.time_since_epoch() % stall_every_;
      if (since < stall_) arrives += stall_ - since;
    }
    if (!acks_.empty()) arrives = std::max(arrives, acks_.back().arrives);
    acks_.push_back({arrived_, arrives});
    told_ = arrived_;
    ack_timer_.reset();
  }

  double rate_;
  Clock::duration rtt_;
  Clock::duration foreign_{};
  Clock::duration noise_{};
  Clock::duration stall_{};
  Clock::duration stall_every_ = 1h;
  std::size_t window_ = SIZE_MAX;
  TimePoint now_ = TimePoint() + 1h;
  TimePoint free_at_{};
  std::deque<Frame> frames_;
  std::deque<Ack> acks_;
  std::optional<TimePoint> ack_timer_;
  Position sent_ = 0, arrived_ = 0, told_ = 0, acked_ = 0;
  std::mt19937_64 random_{1};
  std::uint64_t received_ = 0;
  double took_ = 1;
  std::vector<Clock::duration> queues_;
  std::size_t most_in_flight_ = 0;
};

TEST_CASE("in flight: it begins with 128 KiB, small frames and 100 ms") {
  InFlight control;
  CHECK(control.limit() == 128 * 1024);
  CHECK(control.frame_limit() == 4194);
  CHECK(control.smoothed_rtt() == 100ms);
  CHECK(control.least_rtt() == 0ms);
}

TEST_CASE("in flight: start-up fills the path within ten round trips") {
  Line line(100, 100ms);
  line.bulk(1s);
  line.bulk(1s);
  CHECK(line.mbits() >= 90);
}

TEST_CASE("in flight: start-up ends with at most twice what the path takes") {
  Line line(100, 100ms);
  line.bulk(3s);
  CHECK(static_cast<double>(line.most_in_flight()) <= 2.2 * line.bdp());
}

TEST_CASE("in flight: a full path has next to no queue") {
  for (int mbits : {50, 100, 400}) {
    for (auto rtt : {20ms, 100ms, 300ms}) {
      CAPTURE(mbits);
      CAPTURE(rtt.count());
      Line line(mbits, rtt);
      line.bulk(60 * rtt);
      line.bulk(9s);
      CHECK(line.mbits() >= 0.97 * mbits);
      // Half as much again is tolerated, and acknowledgements bring two frames.
      Clock::duration burst = seconds(32 * 1024 / (mbits * kMbit));
      CHECK(line.queue() <= line.control.target() * 3 / 2 + burst + 2ms);
    }
  }
}

TEST_CASE("in flight: a slow path is full with a few frames of queue") {
  for (double mbits : {0.5, 1.0, 5.0}) {
    CAPTURE(mbits);
    Line line(mbits, 50ms);
    line.bulk(20s);
    line.bulk(9s);
    CHECK(line.mbits() >= 0.9 * mbits);
    // A frame is 22 ms of the slowest.
    Clock::duration frame = seconds(1400 / (mbits * kMbit));
    CHECK(line.queue() <= 2 * line.control.target() + 10ms + frame);
    CHECK(line.control.frame_limit() <= 1500);
  }
}

TEST_CASE("in flight: frames are 2 ms of the line, and so is the backlog") {
  Line line(50, 50ms);
  line.bulk(5s);
  CHECK(line.control.frame_limit() >= 12000);
  CHECK(line.control.frame_limit() <= 13000);
  Line fast(400, 50ms);
  fast.bulk(5s);
  CHECK(fast.control.frame_limit() == kMaxFrame);
  CHECK(fast.control.backlog_limit() >= 90000);
  CHECK(fast.control.backlog_limit() <= 105000);
}

TEST_CASE("in flight: when the rate halves the queue is gone soon") {
  Line line(100, 100ms);
  line.bulk(5s);
  line.set_rate(50);
  line.bulk(1500ms);
  line.bulk(3s);
  CHECK(line.queue() <= 20ms);
  CHECK(line.mbits() >= 48);
}

TEST_CASE("in flight: when the rate doubles it is used soon") {
  Line line(50, 100ms);
  line.bulk(5s);
  line.set_rate(100);
  line.bulk(2s);
  line.bulk(3s);
  CHECK(line.mbits() >= 95);
}

TEST_CASE("in flight: a longer way is learnt, and is not taken for a queue") {
  Line line(100, 50ms);
  line.bulk(5s);
  line.set_rtt(120ms);
  line.bulk(4s);
  line.bulk(3s);
  CHECK(line.mbits() >= 95);
  CHECK(line.control.least_rtt() >= 119ms);
  CHECK(line.control.least_rtt() <= 125ms);
}

TEST_CASE("in flight: a shorter way is learnt") {
  Line line(100, 120ms);
  line.bulk(5s);
  line.set_rtt(50ms);
  line.bulk(3s);
  line.bulk(3s);
  CHECK(line.queue() <= 25ms);
  line.bulk(10s);
  line.bulk(3s);
  CHECK(line.queue() <= 12ms);
  CHECK(line.control.least_rtt() <= 52ms);
}

TEST_CASE("in flight: the least round trip does not creep up") {
  Line line(100, 20ms);
  line.bulk(120s);
  CHECK(line.control.least_rtt() <= 23ms);
  line.bulk(5s);
  CHECK(line.queue() <= 12ms);
}

TEST_CASE("in flight: somebody else's queue does not starve it") {
  Line line(100, 50ms);
  line.bulk(5s);
  line.set_foreign_queue(100ms);
  line.bulk(5s);
  line.bulk(5s);
  CHECK(line.mbits() >= 85);
  // And when it is gone ours is not there instead.
  line.set_foreign_queue(0ms);
  line.bulk(3s);
  line.bulk(5s);
  CHECK(line.queue() <= 20ms);
}

TEST_CASE("in flight: a sender with little to say does not move the limit") {
  Line line(100, 100ms);
  line.bulk(5s);
  line.idle(1s);
  std::size_t limit = line.limit();
  double rate = line.control.rate();
  line.sparse(8s, 100, 300ms);
  CHECK(line.limit() == limit);
  CHECK(line.control.rate() == rate);
}

TEST_CASE("in flight: a limit that is not reached does not grow") {
  Line line(100, 100ms);
  line.bulk(5s);
  line.set_window(200000);  // a TCP that has lost something
  std::size_t limit = line.limit();
  line.bulk(10s);
  CHECK(line.limit() <= limit + limit / 20);
  // Nor does it follow the window down.
  CHECK(line.filled() >= 0.8);
}

TEST_CASE("in flight: after an idle minute half of it is left") {
  Line line(100, 100ms);
  line.bulk(5s);
  line.idle(1s);
  std::size_t limit = line.limit();
  line.idle(60s);
  line.sparse(1s, 100, 300ms);
  CHECK(line.limit() >= limit / 2 - 1);
  CHECK(line.limit() <= limit / 2 + 1);
  line.bulk(1500ms);
  line.bulk(2s);
  CHECK(line.mbits() >= 95);
}

TEST_CASE("in flight: after an idle minute a slower path has little queue") {
  Line line(100, 100ms);
  line.bulk(5s);
  line.set_rate(50);
  line.idle(60s);
  line.bulk(3s);
  CHECK(line.queue() <= 40ms);
}

TEST_CASE("in flight: late acknowledgements on a local link cost nothing") {
  for (auto noise : {1ms, 4ms, 8ms}) {
    CAPTURE(noise.count());
    Line line(2000, 200us);
    line.set_noise(noise);
    line.bulk(1s);
    line.bulk(3s);
    CHECK(line.mbits() >= 0.95 * 2000);
  }
}

// What the other direction's download leaves this one with, and then an upload.
TEST_CASE("in flight: a minute with little to say does not end start-up") {
  Line line(100, 100ms);
  line.sparse(60s, 100, 50ms);
  line.bulk(1200ms);
  line.bulk(500ms);
  CHECK(line.mbits() >= 90);
}

// Bytes that are held back behind a loss in each round trip come as late as if
// the path were twice as long, half of the time.
TEST_CASE("in flight: what a loss holds back is not taken for a queue") {
  Line line(100, 100ms);
  line.bulk(3s);
  line.set_stalls(100ms, 230ms);
  line.bulk(10s);
  line.bulk(5s);
  CHECK(line.mbits() >= 90);
}

TEST_CASE("in flight: jitter is not taken for a queue") {
  Line line(100, 50ms);
  line.set_noise(10ms);
  line.bulk(5s);
  line.bulk(5s);
  CHECK(line.mbits() >= 90);
}

TEST_CASE("in flight: never more than the bound, however long the path") {
  Line line(4000, 300ms);
  line.bulk(10s);
  CHECK(line.limit() <= InFlight::kLimit);
  CHECK(line.limit() >= InFlight::kLimit / 2);
}

TEST_CASE("in flight: another link starts from the beginning") {
  Line line(100, 100ms);
  line.bulk(5s);
  line.idle(1s);
  InFlight& control = line.control;
  control.restart(1000, TimePoint() + 2h);
  CHECK(control.limit() == InFlight::kInitialLimit);
  CHECK(control.least_rtt() == 0ms);
  control.on_sent(2000, TimePoint() + 2h);
  control.on_acknowledged(2000, TimePoint() + 2h + 30ms);
  CHECK(control.least_rtt() == 30ms);
}

TEST_CASE("in flight: part of what was sent tells no round trip") {
  InFlight control;
  TimePoint now = TimePoint() + 1h;
  control.on_sent(InFlight::kInitialLimit, now);
  control.on_acknowledged(1000, now + 20ms);
  CHECK(control.least_rtt() == 0ms);
  CHECK(control.limit() == InFlight::kInitialLimit);
}

TEST_CASE("in flight: acknowledgements out of place do nothing") {
  InFlight control;
  TimePoint now = TimePoint() + 1h;
  control.on_acknowledged(0, now);
  control.on_sent(1000, now);
  control.on_sent(500, now);
  control.on_acknowledged(1000, now + 20ms);
  control.on_acknowledged(1000, now + 90ms);
  control.on_acknowledged(400, now + 90ms);
  CHECK(control.least_rtt() == 20ms);
  CHECK(control.smoothed_rtt() == 20ms);
}

}  // namespace
}  // namespace ginnel::mux
