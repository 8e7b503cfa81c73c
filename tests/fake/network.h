// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mux/session.h"
#include "tests/fake/path.h"

namespace ginnel::fake {

// One direction of an ordered, reliable pipe with a rate, a delay, jitter, and
// stalls where TCP below would be repairing a loss. It takes `capacity` bytes
// more than it has put on the line before the sender has to wait, and hands on
// what was written in runs of other sizes.
class Pipe : public Path {
 public:
  struct Shape {
    double bytes_per_second = 1e9;
    Clock::duration delay{};
    Clock::duration jitter{};
    double stall_chance = 0;  // of each write
    Clock::duration stall{};
    std::size_t capacity = 128 * 1024;
    std::size_t largest_run = 64 * 1024;
  };

  Pipe(Shape shape, std::uint64_t seed) : shape_(shape), random_(seed) {}

  std::size_t room(TimePoint now, std::size_t) const override {
    if (free_at_ <= now) return shape_.capacity;
    double wait = std::chrono::duration<double>(free_at_ - now).count();
    auto waiting = static_cast<std::size_t>(wait * shape_.bytes_per_second);
    return shape_.capacity - std::min(waiting, shape_.capacity);
  }

  void write(Bytes bytes, TimePoint now) override {
    while (!bytes.empty()) {
      std::size_t count = 1 + random_() % shape_.largest_run;
      Bytes run = bytes.first(std::min(count, bytes.size()));
      bytes = bytes.subspan(run.size());
      auto takes = std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double>(run.size() / shape_.bytes_per_second));
      free_at_ = std::max(free_at_, now) + takes;
      TimePoint due = free_at_ + shape_.delay + random_jitter();
      due_ = std::max(due_, due);  // ordered
      runs_.push_back({due_, {run.begin(), run.end()}});
    }
    full_ = room(now, 0) == 0;
  }

  // Something arrives, or a full pipe takes more.
  std::optional<TimePoint> next_event() const override {
    std::optional<TimePoint> next;
    if (!runs_.empty()) next = runs_.front().due;
    if (full_) next = std::min(next.value_or(free_at_), free_at_);
    return next;
  }
  void advance(TimePoint now) override { full_ = room(now, 0) == 0; }

  std::vector<std::byte> take(TimePoint now) override {
    if (runs_.empty() || runs_.front().due > now) return {};
    std::vector<std::byte> bytes = std::move(runs_.front().bytes);
    runs_.pop_front();
    return bytes;
  }

 private:
  struct Run {
    TimePoint due;
    std::vector<std::byte> bytes;
  };

  Clock::duration random_jitter() {
    std::uniform_real_distribution<double> unit(0, 1);
    auto jitter = std::chrono::duration_cast<Clock::duration>(unit(random_) *
                                                              shape_.jitter);
    if (unit(random_) < shape_.stall_chance) jitter += shape_.stall;
    return jitter;
  }

  Shape shape_;
  std::mt19937_64 random_;
  std::deque<Run> runs_;
  TimePoint free_at_{};
  TimePoint due_{};
  bool full_ = false;
};

// Both ends of a session and the network between them, on a clock that jumps
// from event to event.
class Network {
 public:
  using OpenRequest = std::function<std::shared_ptr<mux::StreamHandler>(
      mux::Stream&, const Endpoint&)>;

  static constexpr TimePoint kBegin = TimePoint() + std::chrono::hours(1);

  Network(std::unique_ptr<Path> up, std::unique_ptr<Path> down,
          std::uint64_t seed, OpenRequest on_open)
      : random_(seed),
        helper_events_{std::move(on_open)},
        client(mux::Session::Role::kClient, client_events_, now_),
        helper(mux::Session::Role::kHelper, helper_events_, now_),
        up_(std::move(up)),
        down_(std::move(down)) {}
  Network(Pipe::Shape up, Pipe::Shape down, std::uint64_t seed,
          OpenRequest on_open)
      : Network(std::make_unique<Pipe>(up, seed + 1),
                std::make_unique<Pipe>(down, seed + 2), seed,
                std::move(on_open)) {}

  TimePoint now() const { return now_; }
  std::mt19937_64& random() { return random_; }
  // Set when an end reported an error; nothing moves after it.
  const std::optional<std::string>& failure() const { return failure_; }

  // Does everything there is to do until nothing is under way (timers of an
  // idle session excepted), or `limit` has passed. False: the limit came.
  bool settle(Clock::duration limit) {
    TimePoint end = now_ + limit;
    while (!failure_) {
      send(client, *up_);
      send(helper, *down_);
      std::optional<TimePoint> next = next_event();
      bool moving = next.has_value() || !acknowledged();
      if (!moving) return true;
      TimePoint timer =
          std::min(client.next_deadline(), helper.next_deadline());
      TimePoint then = next ? std::min(*next, timer) : timer;
      if (then > end) return false;
      now_ = std::max(now_, then);
      deliver();
    }
    return true;
  }

  // Lets time pass, with whatever is due.
  void advance(Clock::duration duration) {
    TimePoint end = now_ + duration;
    while (!failure_) {
      send(client, *up_);
      send(helper, *down_);
      TimePoint then = std::min(client.next_deadline(), helper.next_deadline());
      if (auto next = next_event()) then = std::min(then, *next);
      if (then > end) break;
      now_ = std::max(now_, then);
      deliver();
    }
    now_ = end;
  }

  // Nothing that is sent arrives any more, and nothing is sent.
  void cut() { cut_ = true; }

 private:
  struct Events : mux::Session::Events {
    Events() = default;
    explicit Events(OpenRequest request) : on_open(std::move(request)) {}
    void output_ready() override {}
    std::shared_ptr<mux::StreamHandler> open_requested(
        mux::Stream& stream, const mux::Target& target) override {
      return on_open(stream, target.endpoint);
    }
    void remote_log(log::Level, std::string_view text) override {
      lines.emplace_back(text);
    }
    void suspicion(bool now) override { suspected = now; }

    OpenRequest on_open;
    std::vector<std::string> lines;
    bool suspected = false;
  };

  void send(mux::Session& session, Path& path) {
    while (!cut_) {
      std::size_t room = path.room(now_, session.in_flight().backlog_limit());
      if (room == 0) return;
      Bytes bytes = session.output(now_);
      if (bytes.empty()) return;
      // A link may take less than it is offered.
      std::size_t count = std::min(bytes.size(), room);
      if (random_() % 4 == 0) count = 1 + random_() % count;
      path.write(bytes.first(count), now_);
      session.sent(count, now_);
    }
  }

  std::optional<TimePoint> next_event() const {
    if (cut_) return std::nullopt;
    std::optional<TimePoint> next;
    for (const auto& path : {up_.get(), down_.get()}) {
      if (auto when = path->next_event())
        next = std::min(next.value_or(*when), *when);
    }
    return next;
  }

  void deliver() {
    deliver(*up_, helper);
    deliver(*down_, client);
    note(client.tick(now_));
    note(helper.tick(now_));
  }
  void deliver(Path& path, mux::Session& session) {
    if (!cut_) path.advance(now_);
    while (!cut_ && !failure_) {
      std::vector<std::byte> bytes = path.take(now_);
      if (bytes.empty()) return;
      note(session.receive(bytes, now_));
    }
  }
  void note(Result<void> result) {
    if (!result && !failure_) failure_ = result.error().message();
  }

  bool acknowledged() const {
    return client.counters().replay == 0 && helper.counters().replay == 0;
  }

  TimePoint now_ = kBegin;
  std::mt19937_64 random_;

 public:
  Events client_events_;
  Events helper_events_;
  mux::Session client;
  mux::Session helper;

 private:
  std::unique_ptr<Path> up_;
  std::unique_ptr<Path> down_;
  bool cut_ = false;
  std::optional<std::string> failure_;
};

}  // namespace ginnel::fake
