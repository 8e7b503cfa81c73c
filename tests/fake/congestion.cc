// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/fake/congestion.h"

#include <algorithm>
#include <cmath>

namespace ginnel::fake {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

}  // namespace

std::unique_ptr<CongestionControl> make_congestion_control(
    Algorithm algorithm) {
  if (algorithm == Algorithm::kBbr) return std::make_unique<Bbr>();
  return std::make_unique<Cubic>();
}

void Cubic::on_ack(const TcpAck& ack) {
  least_ = std::min(least_, ack.rtt);
  if (in_slow_start()) look_for_queue(ack);
  TimePoint last_ack = std::exchange(last_ack_, ack.now);
  if (!ack.window_limited) {
    epoch_ += ack.now - last_ack;
    return;
  }
  if (in_slow_start()) {
    window_ += 1;
    return;
  }
  double target = cubic_target(ack.now, ack.rtt);
  window_ += std::clamp((target - window_) / window_, 0.01 / window_, 0.5);
}

// RFC 9406 in spirit: a round whose first packets were late has a queue.
void Cubic::look_for_queue(const TcpAck& ack) {
  if (ack.round_start) {
    round_samples_ = 0;
    round_least_ = Clock::duration::max();
  }
  round_least_ = std::min(round_least_, ack.rtt);
  if (++round_samples_ != 8 || window_ < 16) return;
  if (round_least_ >=
      least_ + std::clamp<Clock::duration>(least_ / 8, 4ms, 16ms))
    threshold_ = window_;
}

double Cubic::cubic_target(TimePoint now, Clock::duration rtt) {
  if (!in_epoch_) {
    in_epoch_ = true;
    epoch_ = now;
    before_loss_ = std::max(before_loss_, window_);
    friendly_ = window_;
    k_ = std::cbrt((before_loss_ - window_) / 0.4);
  }
  double t = Seconds(now - epoch_ + rtt).count() - k_;
  friendly_ += 3 * 0.3 / 1.7 / window_;
  return std::max(before_loss_ + 0.4 * t * t * t, friendly_);
}

void Cubic::on_loss(TimePoint) {
  before_loss_ = window_ < before_loss_ ? window_ * 0.85 : window_;
  window_ = std::max(2.0, window_ * 0.7);
  threshold_ = window_;
  in_epoch_ = false;
}

void Cubic::on_timeout() {
  threshold_ = std::max(2.0, window_ * 0.7);
  before_loss_ = window_;
  window_ = 1;
  in_epoch_ = false;
}

void Cubic::on_idle() {
  threshold_ = std::max(threshold_, window_ * 0.75);
  window_ = std::min(window_, 10.0);
  in_epoch_ = false;
}

double Bbr::bandwidth() const {
  return *std::max_element(std::begin(best_), std::end(best_));
}

double Bbr::bdp() const {
  if (least_ == Clock::duration::max() || bandwidth() == 0) return 10;
  return bandwidth() * Seconds(least_).count();
}

double Bbr::window() const {
  if (phase_ == Phase::kProbeRtt) return 4;
  return std::max(bandwidth() == 0 ? 10.0 : 4.0, window_gain_ * bdp() + 3);
}

double Bbr::pacing_rate() const {
  if (bandwidth() == 0) return 0;
  return gain_ * bandwidth() * 0.99;
}

void Bbr::on_ack(const TcpAck& ack) {
  update_bandwidth(ack);
  bool expired = ack.now - least_seen_ > 10s;
  if (ack.rtt <= least_ || expired) {
    least_ = ack.rtt;
    least_seen_ = ack.now;
  }
  if (expired && rounds_ > 1 && phase_ == Phase::kProbeBandwidth) {
    phase_ = Phase::kProbeRtt;
    gain_ = 1;
    probe_rtt_done_ = {};
  }
  update_phase(ack);
}

void Bbr::update_bandwidth(const TcpAck& ack) {
  if (ack.round_start) {
    ++rounds_;
    if (!ack.app_limited) best_[rounds_ % 10] = 0;
  }
  if (!ack.app_limited || ack.rate > bandwidth()) {
    double& best = best_[rounds_ % 10];
    best = std::max(best, ack.rate);
  }
}

void Bbr::update_phase(const TcpAck& ack) {
  switch (phase_) {
    case Phase::kStartUp:
      if (!ack.round_start || ack.app_limited) return;
      if (bandwidth() >= full_ * 1.25) {
        full_ = bandwidth();
        rounds_without_growth_ = 0;
      } else if (++rounds_without_growth_ >= 3) {
        phase_ = Phase::kDrain;
        gain_ = 1 / 2.885;
      }
      return;
    case Phase::kDrain:
      if (ack.in_flight > bdp()) return;
      phase_ = Phase::kProbeBandwidth;
      window_gain_ = 2;
      gain_ = 1;
      cycle_began_ = ack.now;
      return;
    case Phase::kProbeBandwidth:
      cycle(ack);
      return;
    case Phase::kProbeRtt:
      probe_rtt(ack);
  }
}

void Bbr::cycle(const TcpAck& ack) {
  bool over = ack.now - cycle_began_ > least_;
  if (gain_ > 1) over = over && ack.in_flight >= 1.25 * bdp() * 0.9;
  if (gain_ > 1 && ack.now - cycle_began_ > 3 * least_) over = true;
  if (gain_ < 1) over = over || ack.in_flight <= bdp();
  if (!over) return;
  cycle_ = (cycle_ + 1) % 8;
  cycle_began_ = ack.now;
  gain_ = cycle_ == 0 ? 1.25 : cycle_ == 1 ? 0.75 : 1;
}

void Bbr::probe_rtt(const TcpAck& ack) {
  if (probe_rtt_done_ == TimePoint()) {
    if (ack.in_flight <= 4) probe_rtt_done_ = ack.now + 200ms;
    return;
  }
  if (ack.now < probe_rtt_done_) return;
  phase_ = Phase::kProbeBandwidth;
  least_seen_ = ack.now;
  cycle_began_ = ack.now;
}

}  // namespace ginnel::fake
