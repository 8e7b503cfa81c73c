// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/credit.h"

#include <doctest/doctest.h>

#include <list>

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;

constexpr auto kRtt = 100ms;

struct Receiver {
  explicit Receiver(CreditPool& pool)
      : credit(pool, kInitialWindow, TimePoint() + 1h) {}

  // A sender uses all it may and the reader takes it all, `pause` later.
  void use_all(Clock::duration pause) {
    now += pause;
    std::uint64_t count = credit.limit() - used;
    REQUIRE(credit.receive(count));
    used += count;
    credit.consume(count, now, kRtt);
  }

  TimePoint now = TimePoint() + 1h;
  std::uint64_t used = 0;
  ReceiveCredit credit;
};

TEST_CASE("credit: a window in use doubles, up to its limit") {
  CreditPool pool;
  Receiver receiver(pool);
  std::uint64_t window = kInitialWindow;
  for (int i = 0; i < 10; ++i) {
    receiver.use_all(kRtt);
    window = std::min(window * 2, kMaxWindow);
    CHECK(receiver.credit.window() == window);
    CHECK(receiver.credit.limit() == receiver.used + window);
  }
  CHECK(pool.taken() == kMaxWindow - kInitialWindow);
}

TEST_CASE("credit: a slow reader's window does not grow, and shrinks again") {
  CreditPool pool;
  Receiver receiver(pool);
  receiver.use_all(5 * kRtt);
  CHECK(receiver.credit.window() == kInitialWindow);
  receiver.use_all(kRtt);
  receiver.use_all(kRtt);
  CHECK(receiver.credit.window() == 4 * kInitialWindow);
  receiver.use_all(20 * kRtt);
  CHECK(receiver.credit.window() == 2 * kInitialWindow);
  receiver.use_all(20 * kRtt);
  receiver.use_all(20 * kRtt);
  CHECK(receiver.credit.window() == kInitialWindow);
  CHECK(pool.taken() == 0);
}

TEST_CASE("credit: a paused reader is granted nothing more") {
  CreditPool pool;
  Receiver receiver(pool);
  CHECK(receiver.credit.receive(kInitialWindow));
  CHECK_FALSE(receiver.credit.receive(1));
  CHECK(receiver.credit.limit() == kInitialWindow);
}

TEST_CASE("credit: what all windows grow by is bounded for the session") {
  CreditPool pool;
  std::list<Receiver> receivers;
  for (int i = 0; i < 20; ++i) {
    receivers.emplace_back(pool);
    for (int j = 0; j < 8; ++j) receivers.back().use_all(kRtt);
    CHECK(pool.taken() <= CreditPool::kCapacity);
  }
  CHECK(receivers.front().credit.window() == kMaxWindow);
  CHECK(receivers.back().credit.window() == kInitialWindow);
  receivers.clear();
  CHECK(pool.taken() == 0);
}

TEST_CASE("credit: an idle sender gives back what it was promised") {
  CreditPool pool;
  Receiver receiver(pool);
  for (int i = 0; i < 8; ++i) receiver.use_all(kRtt);
  std::uint64_t known = receiver.credit.limit();
  std::uint64_t offset = receiver.used + kInitialWindow;
  SUBCASE("and the pool has it again") {
    CHECK(receiver.credit.release(known, offset));
    CHECK(receiver.credit.limit() == offset);
    CHECK(pool.taken() == 0);
    CHECK(receiver.credit.receive(kInitialWindow));
    CHECK_FALSE(receiver.credit.receive(1));
  }
  SUBCASE("but not when a newer grant is on its way to it") {
    CHECK(receiver.credit.release(known - 1, offset));
    CHECK(receiver.credit.limit() == known);
  }
  SUBCASE("and cannot give what it never had or has used") {
    CHECK_FALSE(receiver.credit.release(known + 1, offset));
    CHECK_FALSE(receiver.credit.release(known, known + 1));
    CHECK_FALSE(receiver.credit.release(known, receiver.used - 1));
  }
}

TEST_CASE("credit: the first window shrinks as streams become many") {
  CHECK(initial_window(0) == 256 * 1024);
  CHECK(initial_window(64) == 256 * 1024);
  CHECK(initial_window(128) == 128 * 1024);
  CHECK(initial_window(5000) == 16 * 1024);
}

}  // namespace
}  // namespace ginnel::mux
