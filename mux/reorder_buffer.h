// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "mux/frame.h"

namespace ginnel::mux {

// Sequenced frames that came over one lane before those which belong in front
// of them came over another. Holds nothing when all is in order.
class ReorderBuffer {
 public:
  // From the position that is expected next. An honest sender has no more on
  // its way, and a lane is given more than a few bytes at a time.
  static constexpr std::size_t kMaxAhead = 24 * 1024 * 1024;
  static constexpr std::size_t kMaxRuns = 65536;

  bool empty() const { return runs_.empty(); }

  // Keeps a copy of the frame, which begins after `expected`; one that is held
  // already is let go. False when that would be too much, or when it overlaps
  // others: what is held is never more than kMaxAhead.
  bool hold(const FrameReader::Frame& frame, Position expected);

  // The frame that begins at `position`, valid until the next call. What lies
  // before it is dropped: it came twice.
  std::optional<FrameReader::Frame> take(Position position);

 private:
  // Frames without a gap, from `begin` on; those before `taken` are done with.
  struct Run {
    std::vector<std::byte> bytes;
    std::size_t taken = 0;
  };

  std::map<Position, Run> runs_;  // by where they began
};

}  // namespace ginnel::mux
