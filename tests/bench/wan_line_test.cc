// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/wan_line.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace ginnel::bench {
namespace {

constexpr Time kMillisecond = kSecond / 1000;
constexpr std::size_t kFull = Line::kMtu;

// At 12 Mbit/s a full packet takes a millisecond.
LineOptions slow_line() {
  LineOptions options;
  options.rate = RateSchedule("12");
  options.delay = 50 * kMillisecond;
  options.queue = 1000 * kFull;
  return options;
}

// All that still comes out, each at the very time it is due.
std::vector<Time> drain(Line& line) {
  std::vector<Time> result;
  while (auto next = line.next_time()) {
    while (line.outgoing(*next)) {
      result.push_back(*next);
      line.pop();
    }
  }
  return result;
}

}  // namespace

TEST_CASE("wan: a packet takes its sending time and the delay") {
  Line line(slow_line(), 0);
  line.accept(kFull, 0);
  CHECK(line.outgoing(51 * kMillisecond - 1) == nullptr);
  REQUIRE(line.outgoing(51 * kMillisecond) != nullptr);
  line.pop();
  CHECK(!line.next_time());
  CHECK(line.counts().packets == 1);
  CHECK(line.counts().bytes == kFull);
}

TEST_CASE("wan: packets come out at the line's rate, no faster, no slower") {
  Line line(slow_line(), 0);
  for (int i = 0; i < 500; ++i) line.accept(kFull, 0);
  std::vector<Time> out = drain(line);
  REQUIRE(out.size() == 500);
  for (std::size_t i = 0; i < out.size(); ++i)
    REQUIRE(out[i] == (51 + static_cast<Time>(i)) * kMillisecond);
}

TEST_CASE("wan: an idle line saves no rate up") {
  Line line(slow_line(), 0);
  Time late = 10 * kSecond;
  line.accept(kFull, late);
  line.accept(kFull, late);
  CHECK(drain(line) ==
        std::vector<Time>{late + 51 * kMillisecond, late + 52 * kMillisecond});
}

TEST_CASE("wan: what the queue has no room for is dropped") {
  LineOptions options = slow_line();
  options.queue = 10 * kFull;
  Line line(options, 0);
  for (int i = 0; i < 25; ++i) line.accept(kFull, 0);
  CHECK(line.counts().tail_dropped == 15);
  CHECK(drain(line).size() == 10);
}

TEST_CASE("wan: without a rate there is only the delay") {
  LineOptions options;
  options.delay = 50 * kMillisecond;
  Line line(options, 0);
  for (int i = 0; i < 1000; ++i) line.accept(kFull, 0);
  CHECK(drain(line) == std::vector<Time>(1000, 50 * kMillisecond));
}

TEST_CASE("wan: the rate changes when its schedule says so") {
  LineOptions options = slow_line();
  options.rate = RateSchedule("12,6@0.1s");
  Line line(options, kSecond);
  for (int i = 0; i < 200; ++i) line.accept(kFull, kSecond);
  std::vector<Time> out = drain(line);
  REQUIRE(out.size() == 200);
  CHECK(out[99] == kSecond + 150 * kMillisecond);
  CHECK(out[199] == kSecond + 350 * kMillisecond);
}

TEST_CASE("wan: the part that is lost is the part that was asked for") {
  LineOptions options = slow_line();
  options.rate = RateSchedule("0");
  options.loss = 0.01;
  Line line(options, 0);
  std::uint64_t out = 0;
  for (Time now = 0; now < 100'000 * kMillisecond; now += kMillisecond) {
    line.accept(kFull, now);
    for (; line.outgoing(now); line.pop()) ++out;
  }
  out += drain(line).size();
  CHECK(out + line.counts().lost == 100'000);
  CHECK(line.counts().lost > 800);  // 1000, and six deviations of 31
  CHECK(line.counts().lost < 1200);
}

TEST_CASE("wan: jitter wanders over its range and puts nothing out of order") {
  LineOptions options = slow_line();
  options.jitter = 10 * kMillisecond;
  Line line(options, 0);
  std::vector<Time> out;
  for (Time now = 0; now < 10 * kSecond; now += 2 * kMillisecond) {
    line.accept(kFull, now);
    std::vector<Time> due = drain(line);
    out.insert(out.end(), due.begin(), due.end());
  }
  REQUIRE(out.size() == 5000);
  CHECK(std::is_sorted(out.begin(), out.end()));
  Time least = kSecond, most = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    Time extra = out[i] - (51 + 2 * static_cast<Time>(i)) * kMillisecond;
    least = std::min(least, extra);
    most = std::max(most, extra);
  }
  CHECK(least >= 0);
  CHECK(least < kMillisecond);
  CHECK(most > 9 * kMillisecond);
  CHECK(most <= 10 * kMillisecond);
}

TEST_CASE("wan: a schedule starts over where it says so") {
  RateSchedule rate("100,50@4s,@8s");
  CHECK(rate.highest() == 100e6);
  CHECK(rate.at(0) == 100e6);
  CHECK(rate.at(4 * kSecond - 1) == 100e6);
  CHECK(rate.at(4 * kSecond) == 50e6);
  CHECK(rate.at(8 * kSecond) == 100e6);
  CHECK(rate.at(29 * kSecond) == 50e6);
}

TEST_CASE("wan: a schedule that makes no sense is refused") {
  for (const char* text : {"", "x", "-1", "100,50", "100,50@5s,20@3s",
                           "100,@5s,50@6s", "50@5s", "100,50@xs"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(RateSchedule{text}, std::invalid_argument);
  }
}

}  // namespace ginnel::bench
