// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/fake/tcp_flow.h"

#include <algorithm>

namespace ginnel::fake {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr std::uint64_t kReordering = 3;

}  // namespace

void TcpFlow::write(std::uint64_t count, TimePoint now) {
  if (in_flight_ == 0 && sampled_ && now - last_activity_ > timeout()) {
    control_->on_idle();
  }
  if (in_flight_ == 0) delivered_when_ = last_activity_ = now;
  written_ += count;
  send(now);
}

bool TcpFlow::pacing_holds(TimePoint now) const {
  return control_->pacing_rate() > 0 && paced_until_ > now;
}

void TcpFlow::send(TimePoint now) {
  while (!lost_.empty() || next_ < written_) {
    if (static_cast<double>(in_flight_) + 1 > control_->window()) {
      window_limited_ = true;
      return;
    }
    if (pacing_holds(now)) return;
    if (!lost_.empty()) {
      Lost lost = lost_.front();
      lost_.pop_front();
      if (lost.begin >= expected_) transmit(lost.begin, lost.size, now);
      continue;
    }
    auto size = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(kSegment, written_ - next_));
    transmit(next_, size, now);
    next_ += size;
  }
  app_limited_until_ = first_ + sent_.size() + 1;
}

void TcpFlow::transmit(std::uint64_t begin, std::uint32_t size, TimePoint now) {
  std::uint64_t transmission = first_ + sent_.size();
  sent_.push_back({begin, size, now, delivered_, delivered_when_,
                   app_limited_until_ > first_});
  ++in_flight_;
  most_in_flight_ = std::max(most_in_flight_, in_flight_);
  if (double rate = control_->pacing_rate(); rate > 0) {
    paced_until_ =
        std::max(paced_until_, now) +
        std::chrono::duration_cast<Clock::duration>(Seconds(1 / rate));
  }
  if (in_flight_ == 1) last_activity_ = now;
  Packet packet;
  packet.flow = this;
  packet.transmission = transmission;
  packet.begin = begin;
  packet.size = size;
  line_.send(packet, now);
}

void TcpFlow::on_arrival(const Packet& packet, TimePoint now) {
  if (packet.begin == expected_) {
    expected_ += packet.size;
    while (!out_of_order_.empty() &&
           out_of_order_.begin()->first <= expected_) {
      auto [begin, size] = *out_of_order_.begin();
      expected_ = std::max(expected_, begin + size);
      out_of_order_.erase(out_of_order_.begin());
    }
  } else if (packet.begin > expected_) {
    out_of_order_.emplace(packet.begin, packet.size);
  }
  acks_.push_back({now + line_.delay(), packet.transmission});
}

Clock::duration TcpFlow::timeout() const {
  if (!sampled_) return 1s;
  auto timeout = smoothed_ + std::max<Clock::duration>(200ms, 4 * variation_);
  return timeout * (1 << std::min(timeouts_, 6));
}

std::optional<TimePoint> TcpFlow::next_event() const {
  std::optional<TimePoint> next;
  auto consider = [&](TimePoint when) {
    next = std::min(next.value_or(when), when);
  };
  if (!acks_.empty()) consider(acks_.front().when);
  if (in_flight_ > 0) consider(last_activity_ + timeout());
  bool wants = !lost_.empty() || next_ < written_;
  if (wants && static_cast<double>(in_flight_) + 1 <= control_->window()) {
    consider(paced_until_);
  }
  return next;
}

void TcpFlow::advance(TimePoint now) {
  while (!acks_.empty() && acks_.front().when <= now) {
    std::uint64_t transmission = acks_.front().transmission;
    acks_.pop_front();
    on_ack(transmission, now);
  }
  if (in_flight_ > 0 && now >= last_activity_ + timeout()) on_timeout(now);
  send(now);
}

void TcpFlow::on_ack(std::uint64_t transmission, TimePoint now) {
  last_activity_ = now;
  timeouts_ = 0;
  if (transmission < first_) return;  // it was taken for lost
  Sent& sent = sent_[transmission - first_];
  if (sent.acked) return;
  sent.acked = true;
  --in_flight_;
  ++delivered_;
  delivered_when_ = now;
  highest_acked_ = std::max(highest_acked_, transmission);
  Clock::duration rtt = now - sent.when;
  Clock::duration off = rtt > smoothed_ ? rtt - smoothed_ : smoothed_ - rtt;
  variation_ = sampled_ ? variation_ + (off - variation_) / 4 : rtt / 2;
  smoothed_ = sampled_ ? smoothed_ + (rtt - smoothed_) / 8 : rtt;
  sampled_ = true;
  tell_control(sent, transmission, now);
  drop_acknowledged(now);
}

void TcpFlow::tell_control(const Sent& sent, std::uint64_t transmission,
                           TimePoint now) {
  TcpAck ack{};
  ack.now = now;
  ack.rtt = now - sent.when;
  ack.round_start = transmission >= round_end_;
  if (ack.round_start) {
    round_end_ = first_ + sent_.size();
    round_window_limited_ = std::exchange(window_limited_, false);
    if (control_->in_slow_start() &&
        control_->window() < 2 * static_cast<double>(most_in_flight_)) {
      round_window_limited_ = true;
    }
    most_in_flight_ = in_flight_;
  }
  ack.window_limited = round_window_limited_ || window_limited_;
  ack.in_flight = static_cast<double>(in_flight_);
  Seconds elapsed = now - sent.delivered_when;
  ack.rate = static_cast<double>(delivered_ - sent.delivered) / elapsed.count();
  ack.app_limited = sent.app_limited;
  control_->on_ack(ack);
}

void TcpFlow::drop_acknowledged(TimePoint now) {
  while (!sent_.empty()) {
    if (!sent_.front().acked) {
      if (first_ + kReordering > highest_acked_) return;
      lose(sent_.front(), first_, now);
    }
    sent_.pop_front();
    ++first_;
  }
}

void TcpFlow::lose(const Sent& sent, std::uint64_t transmission,
                   TimePoint now) {
  --in_flight_;
  lost_.push_back({sent.begin, sent.size});
  if (transmission < recovery_) return;
  recovery_ = first_ + sent_.size();
  control_->on_loss(now);
}

// All that is out is taken for lost.
void TcpFlow::on_timeout(TimePoint now) {
  last_activity_ = now;
  ++timeouts_;
  if (first_ + sent_.size() > recovery_) control_->on_timeout();
  recovery_ = first_ + sent_.size();
  for (; !sent_.empty(); sent_.pop_front(), ++first_) {
    if (sent_.front().acked) continue;
    --in_flight_;
    lost_.push_back({sent_.front().begin, sent_.front().size});
  }
}

}  // namespace ginnel::fake
