// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/scheduler.h"

#include <doctest/doctest.h>

#include <deque>
#include <vector>

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;

struct Source : Scheduled {
  std::size_t chunk = kMaxPayload;  // what it has at once
  bool endless = true;              // and again
  std::size_t left = 0;             // of a chunk that is the only one
  std::size_t served = 0;
};

// A line of so many bytes a second, on which time passes as turns are served.
class Service {
 public:
  explicit Service(double bytes_per_second = 12.5e6)
      : bytes_per_second_(bytes_per_second) {}
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
  void wake(Source& source) {
    source.left = source.chunk;
    scheduler_.add(source, now_);
  }
  bool idle() const { return scheduler_.empty(); }
  TimePoint now() const { return now_; }

  Source& turn(std::size_t frame_limit = kMaxFrame) {
    auto [entry, allowance] = scheduler_.next(frame_limit);
    CHECK(allowance + kHeaderSize <= frame_limit);
    auto& source = static_cast<Source&>(*entry);
    std::size_t count =
        std::min(source.endless ? source.chunk : source.left, allowance);
    source.left -= source.endless ? 0 : count;
    source.served += count;
    now_ += std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(static_cast<double>(count + kHeaderSize) /
                                      bytes_per_second_));
    scheduler_.end_turn(source, count, source.endless || source.left > 0, now_);
    return source;
  }
  void run_for(Clock::duration time) {
    for (TimePoint end = now_ + time; now_ < end;) turn();
  }

 private:
  double bytes_per_second_;
  Scheduler scheduler_;
  std::deque<Source> sources_;
  TimePoint now_ = TimePoint() + 1h;
};

double ratio(std::size_t a, std::size_t b) {
  return static_cast<double>(a) / static_cast<double>(b);
}

TEST_CASE("scheduler: a keystroke goes before a thousand bulk streams") {
  Service service;
  for (int i = 0; i < 1000; ++i) service.add(kMaxPayload, true);
  service.run_for(20s);
  Source& keystrokes = service.add(100, false);
  for (int i = 0; i < 500; ++i) {
    service.run_for(20ms);
    service.wake(keystrokes);
    CHECK(&service.turn() == &keystrokes);
  }
}

TEST_CASE("scheduler: bulk streams share equally, whatever their frames") {
  Service service;
  Source& large = service.add(kMaxPayload, true);
  Source& small = service.add(kMaxPayload / 4, true);
  for (int i = 0; i < 100; ++i) service.turn();
  std::size_t large_before = large.served, small_before = small.served;
  for (int i = 0; i < 10000; ++i) service.turn();
  double share =
      ratio(large.served - large_before, small.served - small_before);
  CHECK(share <= 1.01);
  CHECK(share >= 0.99);
}

TEST_CASE("scheduler: small frames without end are no way to the front") {
  Service service;
  Source& bulk = service.add(kMaxPayload, true);
  service.run_for(1s);
  Source& pretender = service.add(1000, true);
  std::size_t before = bulk.served;
  service.run_for(5s);
  CHECK(ratio(pretender.served, bulk.served - before) <= 1.01);
}

// `crowd` streams that have `burst` bytes every 100 ms, among `bulk_streams`.
// Returns what each of the crowd got to what each of the rest did.
double share_of_bursts(int bulk_streams, int crowd, std::size_t burst) {
  Service service;
  std::vector<Source*> rest, pretenders;
  for (int i = 0; i < bulk_streams; ++i) {
    rest.push_back(&service.add(kMaxPayload, true));
  }
  service.run_for(20s);
  for (int i = 0; i < crowd; ++i) {
    pretenders.push_back(&service.add(burst, false));
  }
  std::size_t before = 0, after = 0, got = 0;
  for (Source* source : rest) before += source->served;
  for (int i = 0; i < 600; ++i) {
    service.run_for(100ms);
    for (Source* source : pretenders) service.wake(*source);
  }
  for (Source* source : rest) after += source->served;
  for (Source* source : pretenders) got += source->served;
  return ratio(got, static_cast<std::size_t>(crowd)) /
         ratio(after - before, static_cast<std::size_t>(bulk_streams));
}

TEST_CASE("scheduler: bursts just under the bound get a share and no more") {
  // 160 KB/s asked for, of 12.5 MB/s.
  CHECK(share_of_bursts(10, 1, 15900) <= 1.05);
  CHECK(share_of_bursts(200, 1, 15900) <= 1.05);
  CHECK(share_of_bursts(200, 50, 15900) <= 1.05);
}

TEST_CASE("scheduler: a stream below its share gets all that it asks for") {
  // 160 KB/s beside ten with 1.2 MB/s.
  CHECK(share_of_bursts(10, 1, 15900) >= 0.125);
}

TEST_CASE("scheduler: where a share is tiny, 4 KiB a second are sparse") {
  Service service(125e3);
  for (int i = 0; i < 1000; ++i) service.add(kMaxPayload, true);
  service.run_for(300s);
  Source& shell = service.add(350, false);  // 3.5 KB/s
  for (int i = 0; i < 300; ++i) {
    for (TimePoint end = service.now() + 100ms; service.now() < end;) {
      service.turn(1024);
    }
    service.wake(shell);
    CHECK(&service.turn(1024) == &shell);
  }
}

TEST_CASE("scheduler: however many are sparse, the rest gets a fifth") {
  Service service;
  Source& bulk = service.add(kMaxPayload, true);
  service.run_for(1s);
  std::size_t before = bulk.served, crowd = 0;
  // Always new ones, each with its 16 KB.
  for (int i = 0; i < 64; ++i) service.add(kMaxPayload, false);
  for (int i = 0; i < 5000; ++i) {
    std::size_t bulk_before = bulk.served;
    Source& served = service.turn();
    if (bulk.served > bulk_before) continue;
    if (served.left == 0) {
      crowd += served.served;
      service.add(kMaxPayload, false);
    }
  }
  CHECK(ratio(bulk.served - before, crowd) >= 0.249);
}

TEST_CASE("scheduler: a keystroke does not wait for a crowd of new streams") {
  Service service;
  service.add(kMaxPayload, true);
  service.run_for(1s);
  for (int i = 0; i < 1000; ++i) service.add(16000, false);
  for (int i = 0; i < 1300; ++i) service.turn();  // their first 1.4 KB
  Source& keystroke = service.add(10, false);
  for (int i = 0; i < 100; ++i) {
    int turns = 1;  // one may be the rest's
    while (&service.turn() != &keystroke) ++turns;
    CHECK(turns <= 2);
    service.turn();
    service.wake(keystroke);
  }
}

TEST_CASE("scheduler: sparse streams do not wait for each other's bursts") {
  Service service;
  service.add(kMaxPayload, true);
  service.add(kMaxPayload, true);
  service.run_for(1s);
  Source& burst = service.add(1000, true);
  Source& keystroke = service.add(10, false);
  CHECK(&service.turn() == &burst);
  CHECK(&service.turn() == &keystroke);
}

TEST_CASE("scheduler: a stream that has sent its piece is not served again") {
  Service service;
  Source& source = service.add(10, false);
  service.turn();
  CHECK(service.idle());
  CHECK(source.served == 10);
}

}  // namespace
}  // namespace ginnel::mux
