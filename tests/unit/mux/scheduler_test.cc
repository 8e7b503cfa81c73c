// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/scheduler.h"

#include <doctest/doctest.h>

#include <deque>
#include <map>

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;

constexpr auto kRtt = 100ms;

struct Source : Scheduled {
  std::size_t chunk = kMaxPayload;  // what it has at each turn
  bool endless = true;
  std::size_t served = 0;
};

class Service {
 public:
  ~Service() {
    for (Source& source : sources_) scheduler_.remove(source);
  }

  Source& add(std::size_t chunk, bool endless) {
    Source& source = sources_.emplace_back();
    source.chunk = chunk;
    source.endless = endless;
    wake(source);
    return source;
  }
  void wake(Source& source) { scheduler_.add(source, now_, kRtt); }
  void pass(Clock::duration time) { now_ += time; }
  bool idle() const { return scheduler_.empty(); }

  Source& turn() {
    auto [entry, allowance] = scheduler_.next();
    auto& source = static_cast<Source&>(*entry);
    std::size_t count = std::min(source.chunk, allowance);
    source.served += count;
    scheduler_.end_turn(source, count, source.endless, now_, kRtt);
    return source;
  }

 private:
  Scheduler scheduler_;
  std::deque<Source> sources_;
  TimePoint now_ = TimePoint() + 1h;
};

TEST_CASE("scheduler: an interactive stream goes before a thousand bulk ones") {
  Service service;
  for (int i = 0; i < 1000; ++i) service.add(kMaxPayload, true);
  for (int i = 0; i < 5000; ++i) service.turn();
  Source& keystrokes = service.add(100, false);
  for (int i = 0; i < 50; ++i) {
    service.pass(20ms);
    service.wake(keystrokes);
    int turns = 1;
    while (&service.turn() != &keystrokes) ++turns;
    CHECK(turns <= 2);
  }
}

TEST_CASE("scheduler: bulk streams share equally, whatever their frames") {
  Service service;
  Source& large = service.add(kMaxPayload, true);
  Source& small = service.add(kMaxPayload / 4, true);
  for (int i = 0; i < 100; ++i) service.turn();
  std::size_t large_before = large.served, small_before = small.served;
  for (int i = 0; i < 10000; ++i) service.turn();
  double large_share = static_cast<double>(large.served - large_before);
  double small_share = static_cast<double>(small.served - small_before);
  CHECK(large_share / small_share <= 1.01);
  CHECK(large_share / small_share >= 0.99);
}

TEST_CASE("scheduler: a stream that pretends to be sparse is not, for long") {
  Service service;
  Source& bulk = service.add(kMaxPayload, true);
  for (int i = 0; i < 10; ++i) service.turn();
  // Small pieces, always more at once, never idle.
  Source& pretender = service.add(1000, true);
  std::size_t before = bulk.served;
  for (int i = 0; i < 2000; ++i) service.turn();
  CHECK(pretender.served < bulk.served - before);
}

TEST_CASE("scheduler: however many are sparse, the rest is served") {
  Service service;
  Source& bulk = service.add(kMaxPayload, true);
  for (int i = 0; i < 10; ++i) service.turn();
  std::size_t before = bulk.served;
  std::deque<Source*> crowd;
  for (int i = 0; i < 100; ++i) crowd.push_back(&service.add(10, false));
  for (int i = 0; i < 500; ++i) {
    Source& served = service.turn();
    if (&served != &bulk) service.wake(served);
  }
  CHECK(bulk.served - before >= 90 * kMaxPayload);
}

TEST_CASE("scheduler: a stream that is removed is not served") {
  Service service;
  Source& source = service.add(10, false);
  service.turn();
  CHECK(service.idle());
  CHECK(source.served == 10);
}

}  // namespace
}  // namespace ginnel::mux
