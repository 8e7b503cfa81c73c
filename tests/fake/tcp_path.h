// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <random>

#include "mux/byte_queue.h"
#include "tests/fake/tcp_flow.h"

namespace ginnel::fake {

// One direction of a link whose bytes a TCP carries over a bottleneck, alone or
// beside another flow that never has enough. What the TCP has not yet sent is
// the link's backlog.
class TcpPath : public Path {
 public:
  struct Shape {
    Bottleneck::Shape line;
    Algorithm algorithm = Algorithm::kCubic;
    // Another flow begins and ends at these times after the beginning.
    std::optional<Clock::duration> competitor_begins;
    Clock::duration competitor_ends = Clock::duration::max();
    std::size_t largest_run = 64 * 1024;  // that is read at once
  };

  TcpPath(const Shape& shape, std::uint64_t seed, TimePoint begin);

  std::size_t room(TimePoint now, std::size_t backlog_limit) const override;
  void write(Bytes bytes, TimePoint now) override;
  std::optional<TimePoint> next_event() const override;
  void advance(TimePoint now) override;
  std::vector<std::byte> take(TimePoint now) override;

  // No session: the bare TCP, with always more to send.
  TcpFlow& flow() { return flow_; }
  const TcpFlow& competitor() const { return competitor_; }

 private:
  Shape shape_;
  TimePoint begin_;
  std::mt19937_64 random_;
  Bottleneck line_;
  TcpFlow flow_;
  TcpFlow competitor_;
  bool competing_ = false;
  mux::ByteQueue bytes_;  // written and not taken
  std::uint64_t taken_ = 0;
};

}  // namespace ginnel::fake
