// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ginnel::bench {

using Time = std::int64_t;  // nanoseconds, on the caller's monotonic clock
inline constexpr Time kSecond = 1'000'000'000;

// The bottleneck's rate as it changes with time: "100" Mbit/s, or
// "100,50@5s,100@10s", the rates from the fifth and the tenth second on. A
// last entry without a rate, as in "100,50@5s,@10s", starts over there. 0 is
// no bottleneck.
class RateSchedule {
 public:
  // Throws std::invalid_argument.
  explicit RateSchedule(std::string_view text);

  // Bits a second, `since_start` after the line came up.
  double at(Time since_start) const;
  double highest() const;

 private:
  struct Step {
    Time begin;
    double bits_per_second;
  };
  void add(std::string_view entry);

  std::vector<Step> steps_;
  Time period_ = 0;  // 0: the last step lasts
};

struct LineOptions {
  RateSchedule rate{"0"};
  Time delay = 0;   // one way
  Time jitter = 0;  // the delay grows by 0 to this much
  double loss = 0;  // probability that a packet is lost, behind the bottleneck
  std::size_t queue = 0;  // bytes that wait for the bottleneck, at most
  std::uint64_t seed = 1;
};

// A delay that wanders between 0 and `range` and never puts packets out of
// order: straight lines between random points 2 x range apart, so that it
// falls at most half as fast as time passes.
class Jitter {
 public:
  Jitter(Time range, std::uint64_t seed) : range_(range), random_(seed) {}

  // REQUIRES: `now` never goes back.
  Time at(Time now);

 private:
  Time range_;
  std::mt19937_64 random_;
  Time begin_ = 0;
  Time from_ = 0;
  Time to_ = 0;
};

// One direction of a WAN, without sockets or clock: packets wait in a
// drop-tail queue for a bottleneck, are lost or not, and come out after a
// delay, in order. All memory is taken at the start.
class Line {
 public:
  static constexpr std::size_t kMtu = 1500;
  struct Packet {
    Time when;           // arrival while it waits, then when it comes out
    std::uint32_t size;  // 0: lost
    std::array<std::byte, kMtu> data;
  };
  struct Counts {
    std::uint64_t packets = 0;  // that came out
    std::uint64_t bytes = 0;    // of these
    std::uint64_t tail_dropped = 0;
    std::uint64_t lost = 0;
    std::uint64_t overflowed = 0;  // no slot: more small packets than foreseen
    Time latest = 0;               // the greatest lateness of one coming out
  };

  Line(const LineOptions& options, Time start);

  // Where the next packet is read into; followed by accept() or nothing.
  Packet& incoming() { return slot(tail_); }
  void accept(std::size_t size, Time now);

  // The packet that is to come out by `now`, or null; followed by pop().
  const Packet* outgoing(Time now);
  void pop() { ++head_; }

  // When outgoing() may have something new.
  std::optional<Time> next_time() const;

  const Counts& counts() const { return counts_; }

 private:
  Packet& slot(std::uint64_t number) { return slots_[number & mask_]; }
  const Packet& slot(std::uint64_t number) const {
    return slots_[number & mask_];
  }
  Time end_of_sending(const Packet& packet) const;
  void send_until(Time now);
  bool is_lost();

  LineOptions options_;
  Time start_;
  Jitter jitter_;
  std::mt19937_64 random_;
  std::uint64_t mask_;
  std::unique_ptr<Packet[]> slots_;
  // [head_, sending_) are on their way, [sending_, tail_) wait.
  std::uint64_t head_ = 0;
  std::uint64_t sending_ = 0;
  std::uint64_t tail_ = 0;
  Time free_ = 0;  // when the bottleneck has sent [.., sending_)
  std::size_t waiting_bytes_ = 0;
  Counts counts_;
};

}  // namespace ginnel::bench
