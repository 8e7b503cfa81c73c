// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <random>

#include "tests/fake/path.h"

namespace ginnel::fake {

// What a TCP sender's congestion control is told of an acknowledged packet.
// Counts are packets.
struct TcpAck {
  TimePoint now;
  Clock::duration rtt;
  bool window_limited;  // the window held the sender back of late
  bool round_start;     // the first of what was sent in this round trip
  double in_flight;
  double rate;       // packets a second that were delivered lately
  bool app_limited;  // and the sender had no more
};

// How many packets a TCP sender may have in flight, and how fast it may send.
class CongestionControl {
 public:
  virtual ~CongestionControl() = default;
  virtual void on_ack(const TcpAck& ack) = 0;
  // Once a round trip at most.
  virtual void on_loss(TimePoint now) = 0;
  virtual void on_timeout() = 0;
  // Nothing was sent for longer than the retransmission timeout.
  virtual void on_idle() = 0;
  virtual double window() const = 0;
  virtual bool in_slow_start() const = 0;
  // Packets a second; 0: as the acknowledgements come.
  virtual double pacing_rate() const { return 0; }
};

enum class Algorithm { kCubic, kBbr };
std::unique_ptr<CongestionControl> make_congestion_control(Algorithm algorithm);

// RFC 9438, with HyStart's look at the delay and Linux's slow start again after
// idle.
class Cubic : public CongestionControl {
 public:
  void on_ack(const TcpAck& ack) override;
  void on_loss(TimePoint now) override;
  void on_timeout() override;
  void on_idle() override;
  double window() const override { return window_; }
  bool in_slow_start() const override { return window_ < threshold_; }

 private:
  void look_for_queue(const TcpAck& ack);
  double cubic_target(TimePoint now, Clock::duration rtt);

  double window_ = 10;
  double threshold_ = 1e9;
  double before_loss_ = 0;
  double k_ = 0;
  double friendly_ = 0;  // what Reno would have
  bool in_epoch_ = false;
  TimePoint epoch_{};
  TimePoint last_ack_{};
  Clock::duration least_ = Clock::duration::max();
  Clock::duration round_least_ = Clock::duration::max();
  int round_samples_ = 0;
};

// BBR version 1, as Linux has it, without its policer detection.
class Bbr : public CongestionControl {
 public:
  void on_ack(const TcpAck& ack) override;
  void on_loss(TimePoint) override {}
  void on_timeout() override {}
  void on_idle() override {}
  double window() const override;
  bool in_slow_start() const override { return false; }
  double pacing_rate() const override;

 private:
  enum class Phase { kStartUp, kDrain, kProbeBandwidth, kProbeRtt };

  double bandwidth() const;
  double bdp() const;
  void update_bandwidth(const TcpAck& ack);
  void update_phase(const TcpAck& ack);
  void cycle(const TcpAck& ack);
  void probe_rtt(const TcpAck& ack);

  Phase phase_ = Phase::kStartUp;
  double gain_ = 2.885;
  double window_gain_ = 2.885;
  double best_[10] = {};  // of each of the last ten rounds
  double full_ = 0;
  int rounds_without_growth_ = 0;
  std::uint64_t rounds_ = 0;
  Clock::duration least_ = Clock::duration::max();
  TimePoint least_seen_{};
  int cycle_ = 2;
  TimePoint cycle_began_{};
  TimePoint probe_rtt_done_{};
};

}  // namespace ginnel::fake
