// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "tests/fake/path.h"

namespace ginnel::fake {

class TcpFlow;

// A packet on its way: what its sender wants to be told when it is there.
struct Packet {
  TcpFlow* flow = nullptr;
  std::uint64_t transmission = 0;  // of this flow, counted
  std::uint64_t begin = 0;         // the first of its bytes
  std::uint32_t size = 0;          // payload; the line carries kOverhead more
};

// A line that several flows share: a drop-tail queue before it, and behind it
// loss and a delay. In order.
class Bottleneck {
 public:
  static constexpr std::uint32_t kOverhead = 52;  // IP and TCP, timestamps

  struct Step {
    Clock::duration when{};  // after the beginning
    double bytes_per_second = 1e9;
  };
  struct Shape {
    std::vector<Step> rate{Step{}};  // in order; the first from the beginning
    Clock::duration delay{};
    Clock::duration jitter{};  // the delay wanders from 0 to this much above
    std::size_t queue = 1 << 30;
    double loss = 0;
  };

  Bottleneck(Shape shape, std::uint64_t seed, TimePoint begin)
      : shape_(std::move(shape)),
        random_(seed),
        begin_(begin),
        free_at_(begin) {}

  void send(const Packet& packet, TimePoint now);
  std::optional<TimePoint> next_arrival() const;
  // REQUIRES: next_arrival().
  Packet take();

  double rate(TimePoint now) const;
  Clock::duration delay() const { return shape_.delay; }

 private:
  Clock::duration jitter(TimePoint now);
  double unit() { return std::uniform_real_distribution<double>()(random_); }

  struct Arrival {
    TimePoint when;
    Packet packet;
  };

  Shape shape_;
  std::mt19937_64 random_;
  TimePoint begin_;
  TimePoint free_at_;  // when what is queued has been sent
  std::deque<Arrival> arrivals_;
  TimePoint last_arrival_{};
  // The jitter goes straight from one random value to the next.
  TimePoint jitter_begin_{};
  Clock::duration jitter_from_{};
  Clock::duration jitter_to_{};
};

}  // namespace ginnel::fake
