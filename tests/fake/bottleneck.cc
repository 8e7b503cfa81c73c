// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/fake/bottleneck.h"

#include <algorithm>

namespace ginnel::fake {

using Seconds = std::chrono::duration<double>;

double Bottleneck::rate(TimePoint now) const {
  double rate = shape_.rate.front().bytes_per_second;
  for (const Step& step : shape_.rate) {
    if (now - begin_ >= step.when) rate = step.bytes_per_second;
  }
  return rate;
}

void Bottleneck::send(const Packet& packet, TimePoint now) {
  double rate = this->rate(now);
  double size = packet.size + kOverhead;
  free_at_ = std::max(free_at_, now);
  if (Seconds(free_at_ - now).count() * rate + size >
      static_cast<double>(shape_.queue)) {
    return;
  }
  free_at_ += std::chrono::duration_cast<Clock::duration>(Seconds(size / rate));
  if (shape_.loss > 0 && unit() < shape_.loss) return;
  last_arrival_ =
      std::max(last_arrival_, free_at_ + shape_.delay + jitter(free_at_));
  arrivals_.push_back({last_arrival_, packet});
}

Clock::duration Bottleneck::jitter(TimePoint now) {
  if (shape_.jitter == Clock::duration::zero()) return {};
  Clock::duration length = 2 * shape_.jitter;
  while (now - jitter_begin_ >= length) {
    jitter_begin_ = std::max(jitter_begin_ + length, now - length);
    jitter_from_ = jitter_to_;
    jitter_to_ = std::chrono::duration_cast<Clock::duration>(
        unit() * Seconds(shape_.jitter));
  }
  return jitter_from_ + std::chrono::duration_cast<Clock::duration>(
                            (jitter_to_ - jitter_from_) *
                            (Seconds(now - jitter_begin_) / Seconds(length)));
}

std::optional<TimePoint> Bottleneck::next_arrival() const {
  if (arrivals_.empty()) return std::nullopt;
  return arrivals_.front().when;
}

Packet Bottleneck::take() {
  Packet packet = arrivals_.front().packet;
  arrivals_.pop_front();
  return packet;
}

}  // namespace ginnel::fake
