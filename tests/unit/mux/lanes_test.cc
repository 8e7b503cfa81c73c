// SPDX-License-Identifier: GPL-3.0-or-later
// Two sessions with several lanes between them, each an ordered pipe of its
// own that may be slow, and may die with what is in it.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>

#include "mux/session.h"
#include "tests/fake/endpoint_handler.h"

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;
using fake::EndpointHandler;
using LaneId = Session::LaneId;

struct Events : Session::Events {
  void output_ready() override {}
  std::shared_ptr<StreamHandler> open_requested(Stream& stream,
                                                const Target&) override {
    auto handler = std::make_shared<EndpointHandler>(2, answer, 1);
    handler->start(stream);
    stream.accept();
    far.push_back(handler);
    return handler;
  }
  void remote_log(log::Level, std::string_view) override {}
  void suspicion(bool) override {}

  std::uint64_t answer = 0;
  std::vector<std::shared_ptr<EndpointHandler>> far;
};

// A pipe's bytes, by the pieces they were written in.
using Pipe = std::deque<std::vector<std::byte>>;

class Tunnel {
 public:
  // Links can join once the helper has the key.
  explicit Tunnel(std::uint64_t seed) : random_(seed) {
    pipes_[0].far = 0;
    client.send_key(SessionKey());
    settle();
  }

  // The helper hears of it later, and perhaps of what goes over others first.
  void add_lane() {
    auto id = client.add_lane();
    REQUIRE(id);
    pipes_[*id];
  }

  // What is in its pipes is lost.
  void kill_lane(LaneId id) {
    for (auto& [other, lane] : pipes_) join(lane);
    Lane lane = pipes_.at(id);
    REQUIRE(client.remove_lane(id));
    REQUIRE(helper.remove_lane(*lane.far));
    pipes_.erase(id);
  }

  // One thing of those that could happen. False when nothing can.
  bool step() {
    now_ += 1ms;
    bool moved = false;
    for (auto& [id, lane] : pipes_) {
      if (random_() % 2) moved |= send(client, id, lane.up);
      if (random_() % 3) moved |= deliver(client, id, lane.down);
      if (!lane.far && random_() % 32) {
        moved |= !lane.up.empty();
        continue;
      }
      join(lane);
      if (random_() % 2) moved |= send(helper, *lane.far, lane.down);
      if (random_() % 3) moved |= deliver(helper, *lane.far, lane.up);
    }
    CHECK(client.tick(now_));
    CHECK(helper.tick(now_));
    return moved;
  }
  void settle() {
    for (int idle = 0; idle < 50 && !failure;) idle = step() ? 0 : idle + 1;
    if (failure) FAIL(*failure);
  }

  std::shared_ptr<EndpointHandler> open(std::uint64_t bytes) {
    auto handler = std::make_shared<EndpointHandler>(1, bytes, 2);
    Stream* stream =
        client.open(Endpoint(IpAddress::loopback(Family::kIpv4), 1), handler);
    REQUIRE(stream);
    handler->start(*stream);
    return handler;
  }

  std::optional<std::string> failure;

 private:
  struct Lane {
    Pipe up, down;
    std::optional<LaneId> far;  // the helper's, once it has joined
  };

  void join(Lane& lane) {
    if (!lane.far) lane.far = helper.add_lane();
    REQUIRE(lane.far);
  }

  bool send(Session& session, LaneId id, Pipe& pipe) {
    if (pipe.size() >= 8) return false;
    Bytes bytes = session.output(now_, id);
    if (bytes.empty()) return false;
    std::size_t count = 1 + random_() % bytes.size();
    pipe.emplace_back(bytes.begin(), bytes.begin() + count);
    session.sent(count, now_, id);
    return true;
  }
  bool deliver(Session& session, LaneId id, Pipe& pipe) {
    if (pipe.empty()) return false;
    std::vector<std::byte> bytes = std::move(pipe.front());
    pipe.pop_front();
    auto result = session.receive(bytes, now_, id);
    if (!result && !failure) failure = result.error().message();
    return true;
  }

  TimePoint now_ = TimePoint() + 1h;
  std::mt19937_64 random_;
  std::map<LaneId, Lane> pipes_;

 public:
  Events near_events, far_events;
  Session client{Session::Role::kClient, near_events, now_};
  Session helper{Session::Role::kHelper, far_events, now_};
};

void check_whole(const EndpointHandler& end, std::uint64_t bytes) {
  CHECK_FALSE(end.corrupt());
  CHECK(end.received() == bytes);
  REQUIRE(end.end());
  CHECK(end.end()->kind == StreamEnd::Kind::kFinished);
}

TEST_CASE("lanes: frames that overtake each other are put in order") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Tunnel tunnel(seed);
    tunnel.far_events.answer = 700'000;
    for (int i = 0; i < 3; ++i) tunnel.add_lane();
    auto near = tunnel.open(900'000);
    tunnel.settle();
    check_whole(*near, 700'000);
    check_whole(*tunnel.far_events.far.at(0), 900'000);
    CHECK(tunnel.client.counters().replay == 0);
    CHECK(tunnel.helper.counters().replay == 0);
  }
}

TEST_CASE("lanes: nothing is lost or doubled with a lane") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Tunnel tunnel(seed);
    tunnel.far_events.answer = 500'000;
    for (int i = 0; i < 4; ++i) tunnel.add_lane();
    auto near = tunnel.open(500'000);
    for (LaneId id = 0; id <= 3; ++id) {
      for (std::uint64_t i = 0; i < 10 + seed; ++i) tunnel.step();
      tunnel.kill_lane((seed + id) % 5);
    }
    tunnel.settle();
    check_whole(*near, 500'000);
    check_whole(*tunnel.far_events.far.at(0), 500'000);
    CHECK(tunnel.client.counters().replay == 0);
    CHECK(tunnel.helper.counters().replay == 0);
  }
}

TEST_CASE("lanes: the last one cannot be removed, and there is a limit") {
  Tunnel tunnel(1);
  CHECK_FALSE(tunnel.client.remove_lane(0));
  for (std::size_t i = 1; i < Session::kMaxLanes; ++i) tunnel.add_lane();
  CHECK_FALSE(tunnel.client.add_lane());
  tunnel.kill_lane(0);
  CHECK(tunnel.client.add_lane() == LaneId{Session::kMaxLanes});
}

// Frames as a hostile end would send them over a session with two lanes.
std::string receive_at(Session& session, Position position,
                       std::size_t payload) {
  SendBuffer maker;
  MutableBytes room = maker.reserve().first(payload);
  std::fill(room.begin(), room.end(), std::byte{1});
  maker.commit(FrameType::kLog, 0, payload);
  Bytes made = maker.bytes(maker.take());
  std::vector<std::byte> bytes(made.begin(), made.end());
  store_be(bytes.data() + 8, position);
  auto result = session.receive(bytes, TimePoint() + 1h);
  return result ? "" : result.error().message();
}

class TwoLanes {
 public:
  TwoLanes() {
    session.add_lane();
    std::vector<std::byte> hello(kHeaderSize + 2);
    Header header;
    header.type = FrameType::kHello;
    header.length = 2;
    encode(header, hello.data());
    hello[kHeaderSize + 1] = std::byte{1};
    REQUIRE(session.receive(hello, TimePoint() + 1h));
  }
  Events events;
  Session session{Session::Role::kClient, events, TimePoint() + 1h};
};

TEST_CASE("lanes: what waits for a missing frame is bounded") {
  TwoLanes far_away;
  CHECK(receive_at(far_away.session, ReorderBuffer::kMaxAhead, 1) != "");

  TwoLanes many_gaps;
  std::string end;
  Position position = 17;
  for (std::size_t i = 0; i <= ReorderBuffer::kMaxRuns && end.empty(); ++i) {
    end = receive_at(many_gaps.session, position, 1);
    position += 18;
  }
  CHECK(end != "");
  CHECK(position == 17 + 18 * (ReorderBuffer::kMaxRuns + 1));
}

TEST_CASE("lanes: frames that overlap end the session") {
  TwoLanes pair;
  CHECK(receive_at(pair.session, 0, 1) == "");
  CHECK(receive_at(pair.session, 0, 1) == "");  // it came twice
  CHECK(receive_at(pair.session, 16, 1) != "");
}

}  // namespace
}  // namespace ginnel::mux
