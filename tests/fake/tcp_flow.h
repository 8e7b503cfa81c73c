// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>

#include "tests/fake/bottleneck.h"
#include "tests/fake/congestion.h"

namespace ginnel::fake {

// A TCP connection's one direction over a bottleneck, packet by packet, without
// the bytes: which of them have arrived in order. Selective acknowledgements,
// which come back after a fixed delay and are never lost; what is lost is sent
// again once three packets sent after it have arrived, or when nothing is heard
// for too long. The window grows only while it is what holds the sender back.
class TcpFlow {
 public:
  static constexpr std::uint32_t kSegment = 1448;

  TcpFlow(Bottleneck& line, Algorithm algorithm)
      : line_(line), control_(make_congestion_control(algorithm)) {}

  // More to send.
  void write(std::uint64_t count, TimePoint now);
  void write_for_ever(TimePoint now) { write(1ull << 60, now); }
  // What is not yet sent never is.
  void stop() { written_ = next_; }
  // What has been written and not yet sent for the first time.
  std::uint64_t unsent() const { return written_ - next_; }
  // How many bytes have arrived in order.
  std::uint64_t arrived() const { return expected_; }

  void on_arrival(const Packet& packet, TimePoint now);
  std::optional<TimePoint> next_event() const;
  void advance(TimePoint now);

 private:
  struct Sent {
    std::uint64_t begin;
    std::uint32_t size;
    TimePoint when;
    std::uint64_t delivered;  // packets, when it was sent
    TimePoint delivered_when;
    bool app_limited;
    bool acked = false;
  };
  struct Ack {
    TimePoint when;
    std::uint64_t transmission;
  };
  struct Lost {
    std::uint64_t begin;
    std::uint32_t size;
  };

  void send(TimePoint now);
  void transmit(std::uint64_t begin, std::uint32_t size, TimePoint now);
  void on_ack(std::uint64_t transmission, TimePoint now);
  void tell_control(const Sent& sent, std::uint64_t transmission,
                    TimePoint now);
  void drop_acknowledged(TimePoint now);
  void lose(const Sent& sent, std::uint64_t transmission, TimePoint now);
  void on_timeout(TimePoint now);
  Clock::duration timeout() const;
  bool pacing_holds(TimePoint now) const;

  Bottleneck& line_;
  std::unique_ptr<CongestionControl> control_;

  // The sender. sent_ holds transmissions from first_ on.
  std::uint64_t written_ = 0;
  std::uint64_t next_ = 0;
  std::deque<Sent> sent_;
  std::uint64_t first_ = 0;
  std::uint64_t highest_acked_ = 0;
  std::uint64_t in_flight_ = 0;
  std::deque<Lost> lost_;
  std::uint64_t recovery_ = 0;  // transmissions before it are in one recovery
  std::uint64_t delivered_ = 0;
  TimePoint delivered_when_{};
  std::uint64_t round_end_ = 0;
  std::uint64_t app_limited_until_ = 0;  // transmissions
  bool window_limited_ = false;
  bool round_window_limited_ = false;
  std::uint64_t most_in_flight_ = 0;
  TimePoint paced_until_{};
  TimePoint last_activity_{};
  int timeouts_ = 0;
  Clock::duration smoothed_ = std::chrono::seconds(1);
  Clock::duration variation_{};
  bool sampled_ = false;

  // The receiver.
  std::uint64_t expected_ = 0;
  std::set<std::pair<std::uint64_t, std::uint32_t>> out_of_order_;
  std::deque<Ack> acks_;
};

}  // namespace ginnel::fake
