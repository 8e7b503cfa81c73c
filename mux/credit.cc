// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/credit.h"

#include <algorithm>

namespace ginnel::mux {

std::uint32_t initial_window(std::size_t open_streams) {
  constexpr std::size_t kShared = 16 * 1024 * 1024;
  return static_cast<std::uint32_t>(
      std::clamp<std::size_t>(kShared / std::max<std::size_t>(open_streams, 1),
                              kMinInitialWindow, kInitialWindow));
}

bool ReceiveCredit::consume(std::size_t count, TimePoint now,
                            Clock::duration rtt) {
  consumed_ += count;
  settle();
  if (outstanding() > window_ / 2) return false;
  Clock::duration taken = now - last_grant_;
  if (taken < 2 * rtt) {
    resize(std::min(window_ * 2, kMaxWindow));
  } else if (taken > 16 * rtt) {
    resize(std::max(window_ / 2, first_window_));
  }
  last_grant_ = now;
  std::uint64_t old_limit = limit_;
  limit_ = std::max(limit_, consumed_ + window_);
  return limit_ > old_limit;
}

bool ReceiveCredit::release(std::uint64_t known, std::uint64_t offset) {
  if (known > limit_ || offset > known || offset < received_) return false;
  if (known != limit_) return true;
  limit_ = offset;
  resize(first_window_);
  return true;
}

void ReceiveCredit::resize(std::uint64_t window) {
  if (window > window_) {
    std::uint64_t needed = window - first_window_;
    if (needed > borrowed_) {
      if (!pool_.take(needed - borrowed_)) return;
      borrowed_ = needed;
    }
  }
  window_ = window;
  settle();
}

// Gives back what no promise needs any more: a smaller window counts only
// when what was promised under the larger one has been used up.
void ReceiveCredit::settle() {
  std::uint64_t promised = std::max(window_, outstanding());
  std::uint64_t needed =
      promised > first_window_ ? promised - first_window_ : 0;
  if (needed < borrowed_) {
    pool_.give_back(borrowed_ - needed);
    borrowed_ = needed;
  }
}

}  // namespace ginnel::mux
