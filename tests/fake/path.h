// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "mux/frame.h"

namespace ginnel::fake {

using mux::Clock;
using mux::TimePoint;

// One direction of a link between two sessions, on a clock that jumps from
// event to event.
class Path {
 public:
  virtual ~Path() = default;

  // How much it takes while its backlog is limited to `backlog_limit`.
  virtual std::size_t room(TimePoint now, std::size_t backlog_limit) const = 0;
  virtual void write(Bytes bytes, TimePoint now) = 0;

  // When advance() has something to do.
  virtual std::optional<TimePoint> next_event() const = 0;
  // REQUIRES: now is not beyond next_event(), nor before the last call's.
  virtual void advance(TimePoint now) = 0;

  // The next bytes that have arrived; empty when there are none.
  virtual std::vector<std::byte> take(TimePoint now) = 0;
};

}  // namespace ginnel::fake
