// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "mux/frame.h"

namespace ginnel::mux {

// How much of a stream its receiver has promised room for, and how that grows.
// The sum of what may arrive and what waits unread is bounded for a stream by
// its window and for the session by the CreditPool, whoever is at the other
// end; a paused reader therefore costs its window and slows nobody.

inline constexpr std::uint32_t kInitialWindow = 256 * 1024;
inline constexpr std::uint32_t kMinInitialWindow = 16 * 1024;
inline constexpr std::uint64_t kMaxWindow = 16 * 1024 * 1024;
// What an opener may send before it has heard of OPENED: four times TCP's
// usual first flight (RFC 6928: 10 segments).
inline constexpr std::uint32_t kEarlyCredit = 64 * 1024;

// The first window of a stream when `open_streams` others are open: 256 KiB,
// and above 64 streams an equal share of 16 MiB, down to 16 KiB.
std::uint32_t initial_window(std::size_t open_streams);

// What the windows of one session may grow by in all, beyond their first size.
class CreditPool {
 public:
  static constexpr std::uint64_t kCapacity = 64 * 1024 * 1024;

  // Takes `amount`, or nothing and false.
  bool take(std::uint64_t amount) {
    if (amount > kCapacity - taken_) return false;
    taken_ += amount;
    return true;
  }
  void give_back(std::uint64_t amount) { taken_ -= amount; }
  std::uint64_t taken() const { return taken_; }

 private:
  std::uint64_t taken_ = 0;
};

// The receiver's side of one stream. Offsets count the stream's bytes.
class ReceiveCredit {
 public:
  ReceiveCredit(CreditPool& pool, std::uint32_t first_window, TimePoint now)
      : pool_(pool),
        first_window_(first_window),
        window_(first_window),
        limit_(first_window),
        last_grant_(now) {}
  ReceiveCredit(const ReceiveCredit&) = delete;
  ReceiveCredit& operator=(const ReceiveCredit&) = delete;
  ~ReceiveCredit() { pool_.give_back(borrowed_); }

  // The offset up to which the sender may send.
  std::uint64_t limit() const { return limit_; }
  std::uint64_t window() const { return window_; }
  // How many bytes have come.
  std::uint64_t received() const { return received_; }

  // Bytes have come. False when the sender was not allowed to send them.
  bool receive(std::size_t count) {
    if (count > limit_ - received_) return false;
    received_ += count;
    return true;
  }

  // The reader took `count` bytes. True when the sender should be told of a
  // new limit(): half the window is used. The window doubles when that took
  // less than two round trips, and halves when it took more than sixteen.
  bool consume(std::size_t count, TimePoint now, Clock::duration rtt);

  // The sender, which knew of the limit `known`, has been idle and gives up
  // its right beyond `offset`: the window shrinks to its first size. Nothing
  // happens when a newer limit is on its way to the sender, which will use
  // it. False when the sender cannot have said this.
  bool release(std::uint64_t known, std::uint64_t offset);

 private:
  std::uint64_t outstanding() const { return limit_ - consumed_; }
  void resize(std::uint64_t window);
  void settle();

  CreditPool& pool_;
  std::uint64_t first_window_;
  std::uint64_t window_;
  std::uint64_t limit_;
  std::uint64_t received_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t borrowed_ = 0;  // of the pool, beyond first_window_
  TimePoint last_grant_;
};

}  // namespace ginnel::mux
