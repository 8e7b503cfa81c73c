// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/session.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "tests/fake/endpoint_handler.h"
#include "tests/fake/network.h"

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;
using fake::EndpointHandler;

constexpr std::uint64_t kUp = 11, kDown = 22;

// A client and a helper, 50 ms apart at 100 Mbit/s.
class Pair {
 public:
  explicit Pair(std::uint64_t far_sends = 0)
      : far_sends_(far_sends),
        network(shape(), shape(), 1,
                [this](Stream& stream, const Endpoint& target) {
                  return on_open(stream, target);
                }) {}

  // A stream whose client end sends `bytes` and then its end of file.
  std::shared_ptr<EndpointHandler> open(std::uint64_t bytes) {
    auto handler = std::make_shared<EndpointHandler>(kUp, bytes, kDown);
    Stream* stream = network.client.open(target, handler);
    REQUIRE(stream);
    handler->start(*stream);
    return handler;
  }
  void settle() {
    REQUIRE(network.settle(1h));
    REQUIRE_FALSE(network.failure());
  }

  Endpoint target{*IpAddress::parse("192.0.2.1"), 80};
  std::optional<Refusal> refusal;
  bool hold = false;  // accept later, by hand
  bool far_stays = false;
  std::vector<Stream*> held;
  std::vector<std::shared_ptr<EndpointHandler>> far;

 private:
  static fake::Pipe::Shape shape() {
    fake::Pipe::Shape shape;
    shape.bytes_per_second = 12.5e6;
    shape.delay = 50ms;
    return shape;
  }

  std::shared_ptr<StreamHandler> on_open(Stream& stream,
                                         const Endpoint& asked) {
    CHECK(asked == target);
    if (refusal) {
      stream.refuse(*refusal);
      return nullptr;
    }
    auto handler = std::make_shared<EndpointHandler>(kDown, far_sends_, kUp);
    if (far_stays) handler->stay_open();
    far.push_back(handler);
    if (hold) {
      held.push_back(&stream);
    } else {
      handler->start(stream);
      stream.accept();
    }
    return handler;
  }

  std::uint64_t far_sends_;

 public:
  fake::Network network;
};

// What a session makes of bytes that no honest end would send.
class Hostile {
 public:
  explicit Hostile(Session::Role role) : session(role, events, kNow) {
    feed(FrameType::kHello, 0, encode(Hello()));
  }

  // The reason the session ends for; empty when it goes on.
  std::string feed(FrameType type, StreamId stream, Bytes payload) {
    SendBuffer maker;
    maker.append(type, stream, payload);
    Bytes made = maker.bytes(maker.take());
    std::vector<std::byte> bytes(made.begin(), made.end());
    store_be(bytes.data() + 8, is_sequenced(type) ? position_ : ack);
    if (is_sequenced(type)) position_ += bytes.size();
    Result<void> result = session.receive(bytes, kNow);
    return result ? "" : result.error().message();
  }
  std::string feed(FrameType type, StreamId stream, std::string_view text) {
    return feed(type, stream, as_bytes(text));
  }
  std::string open(StreamId id) {
    Open open;
    open.target = Endpoint(IpAddress::loopback(Family::kIpv4), 1);
    open.credit = 1000;
    return feed(FrameType::kOpen, id, encode(open));
  }

  struct Events : Session::Events {
    void output_ready() override {}
    std::shared_ptr<StreamHandler> open_requested(Stream& stream,
                                                  const Target&) override {
      if (!refuses) return std::make_shared<EndpointHandler>(1, 0, 2);
      stream.refuse(Refusal::kRefused);
      return nullptr;
    }
    void remote_log(log::Level, std::string_view) override {}
    void suspicion(bool) override {}

    bool refuses = false;
  };

  static constexpr TimePoint kNow = TimePoint() + 1h;
  Position ack = 0;
  Position position_ = 0;
  Events events;
  Session session;
};

TEST_CASE("session: a request and its answer take one round trip") {
  Pair pair(1000);
  TimePoint start = pair.network.now();
  auto near = pair.open(100);
  while (near->received() < 1000) pair.network.advance(1ms);
  CHECK(pair.network.now() - start < 105ms);
  CHECK(near->opened_seen());
  pair.settle();
  CHECK(near->end()->kind == StreamEnd::Kind::kFinished);
  CHECK(pair.far[0]->end()->kind == StreamEnd::Kind::kFinished);
  CHECK(pair.network.client.counters().streams == 0);
  CHECK(pair.network.helper.counters().streams == 0);
}

TEST_CASE("session: each half is closed on its own") {
  Pair pair(500);
  pair.far_stays = true;
  auto near = pair.open(100);
  pair.settle();
  CHECK(pair.far[0]->finish_seen());
  CHECK_FALSE(near->finish_seen());
  CHECK_FALSE(near->end());
  pair.far[0]->send_more(70000);
  pair.settle();
  CHECK(near->received() == 70500);
  pair.far[0]->close();
  pair.settle();
  CHECK(near->end()->kind == StreamEnd::Kind::kFinished);
}

TEST_CASE("session: a refusal arrives with its reason") {
  Pair pair;
  pair.refusal = Refusal::kTimeout;
  auto near = pair.open(5000);
  pair.settle();
  REQUIRE(near->end());
  CHECK(near->end()->kind == StreamEnd::Kind::kRefused);
  CHECK(near->end()->refusal == Refusal::kTimeout);
  CHECK(pair.network.client.counters().streams == 0);
  CHECK(pair.network.helper.counters().streams == 0);
}

TEST_CASE(
    "session: a reset is a reset at the other end, never an end of file") {
  Pair pair(10'000'000);
  auto near = pair.open(10'000'000);
  pair.network.advance(300ms);
  SUBCASE("from the client") {
    near->reset();
    pair.settle();
    CHECK(pair.far[0]->end()->kind == StreamEnd::Kind::kReset);
    CHECK_FALSE(pair.far[0]->finish_seen());
  }
  SUBCASE("from the far end") {
    pair.far[0]->reset();
    pair.settle();
    CHECK(near->end()->kind == StreamEnd::Kind::kReset);
    CHECK_FALSE(near->finish_seen());
  }
  CHECK(pair.network.client.counters().streams == 0);
  CHECK(pair.network.helper.counters().streams == 0);
}

TEST_CASE("session: what came before a reset is delivered before it") {
  Pair pair(100'000);
  pair.far_stays = true;
  auto near = pair.open(0);
  near->allow(0);
  pair.settle();
  pair.far[0]->reset();
  pair.settle();
  CHECK_FALSE(near->end());
  near->take_all();
  CHECK(near->received() == 100'000);
  REQUIRE(near->end());
  CHECK(near->end()->kind == StreamEnd::Kind::kReset);
  CHECK_FALSE(near->finish_seen());
  CHECK(pair.network.client.counters().unread == 0);
}

TEST_CASE("session: what is sent before the connection exists is bounded") {
  Pair pair;
  pair.hold = true;
  auto near = pair.open(1'000'000);
  pair.network.advance(5s);
  CHECK(near->sent() == kEarlyCredit);
  CHECK(pair.network.helper.counters().unread == kEarlyCredit);
  pair.far[0]->start(*pair.held[0]);
  pair.held[0]->accept();
  pair.settle();
  CHECK(pair.far[0]->received() == 1'000'000);
  CHECK_FALSE(pair.far[0]->corrupt());
}

TEST_CASE("session: unopened streams share a bound on early bytes") {
  Pair pair;
  pair.hold = true;
  std::vector<std::shared_ptr<EndpointHandler>> all;
  for (int i = 0; i < 1000; ++i) all.push_back(pair.open(100'000));
  pair.network.advance(20s);
  std::uint64_t sent = 0;
  for (auto& near : all) sent += near->sent();
  CHECK(sent == Session::kMaxEarlyBytes);
  for (std::size_t i = 0; i < pair.held.size(); ++i) {
    pair.far[i]->start(*pair.held[i]);
    pair.held[i]->accept();
  }
  pair.settle();
  for (auto& far : pair.far) CHECK(far->received() == 100'000);
  pair.far.clear();
  auto late = pair.open(100'000);  // the bound is free again
  pair.network.advance(1s);
  CHECK(late->sent() == kEarlyCredit);
}

TEST_CASE("session: an end of file that comes before the connection is kept") {
  Pair pair;
  pair.hold = true;
  auto near = pair.open(0);
  pair.network.advance(1s);
  pair.far[0]->start(*pair.held[0]);
  pair.held[0]->accept();
  pair.settle();
  CHECK(pair.far[0]->finish_seen());
  CHECK(near->end()->kind == StreamEnd::Kind::kFinished);
}

TEST_CASE("session: a paused reader costs its window and slows nobody") {
  Pair pair(40'000'000);
  auto paused = pair.open(0);
  pair.network.advance(400ms);
  paused->allow(0);
  pair.network.advance(5s);
  std::uint64_t kept = pair.network.client.counters().unread;
  CHECK(kept > 0);
  CHECK(kept <= kMaxWindow);
  std::uint64_t taken = paused->received();
  auto other = pair.open(0);
  pair.network.advance(20s);
  CHECK(other->received() == 40'000'000);
  CHECK(paused->received() == taken);
  CHECK(pair.network.client.counters().unread == kept);
  paused->take_all();
  pair.settle();
  CHECK(paused->received() == 40'000'000);
  CHECK_FALSE(paused->corrupt());
}

TEST_CASE("session: a bulk download fills a 100 Mbit/s line") {
  Pair pair(50'000'000);
  TimePoint start = pair.network.now();
  auto near = pair.open(0);
  while (near->received() < 50'000'000) pair.network.advance(10ms);
  // 4 s at the line's rate; the window opens within the first second.
  CHECK(pair.network.now() - start < 5s);
}

TEST_CASE("session: an idle stream gives its credit back") {
  Pair pair(20'000'000);
  pair.far_stays = true;
  auto near = pair.open(0);
  while (near->received() < 20'000'000) pair.network.advance(10ms);
  REQUIRE(near->received() == 20'000'000);
  CHECK(pair.network.client.counters().extra_windows > 0);
  pair.network.advance(5s);
  CHECK(pair.network.client.counters().extra_windows == 0);
  pair.far[0]->send_more(20'000'000);
  pair.network.advance(10s);
  CHECK(near->received() == 40'000'000);
  CHECK_FALSE(pair.network.failure());
}

TEST_CASE("session: both ends keep an idle session alive") {
  Pair pair;
  pair.network.advance(10min);
  CHECK_FALSE(pair.network.failure());
  CHECK_FALSE(pair.network.client_events_.suspected);
}

TEST_CASE("session: silence is suspicion after 15 s and the end after 45 s") {
  Pair pair;
  pair.network.advance(1s);
  pair.network.cut();
  pair.network.advance(8s);
  CHECK_FALSE(pair.network.client_events_.suspected);
  pair.network.advance(10s);
  CHECK(pair.network.client_events_.suspected);
  CHECK_FALSE(pair.network.failure());
  pair.network.advance(30s);
  REQUIRE(pair.network.failure());
  CHECK(*pair.network.failure() ==
        "the far end has been silent for 45 seconds");
}

TEST_CASE("session: the end of the link is a reset for every stream") {
  Pair pair(10'000'000);
  auto first = pair.open(0);
  auto second = pair.open(1000);
  pair.network.advance(300ms);
  pair.network.client.reset_streams();
  CHECK(first->end()->kind == StreamEnd::Kind::kReset);
  CHECK(second->end()->kind == StreamEnd::Kind::kReset);
  CHECK(pair.network.client.counters().streams == 0);
  // Who was reset tries again at once, and must not be kept waiting.
  CHECK(pair.network.client.open(pair.target, std::make_shared<EndpointHandler>(
                                                  1, 0, 2)) == nullptr);
}

TEST_CASE("session: two frames are acknowledged at once, tiny ones are not") {
  std::size_t size = 0;
  bool at_once = true;
  SUBCASE("the largest") { size = kMaxPayload; }
  SUBCASE("the smallest that a slow line has") { size = 1400 - kHeaderSize; }
  SUBCASE("keystrokes") { size = 1, at_once = false; }
  Hostile helper(Session::Role::kHelper);
  CHECK(helper.open(1) == "");
  helper.session.output(Hostile::kNow);
  while (!helper.session.output(Hostile::kNow).empty()) {
    helper.session.sent(helper.session.output(Hostile::kNow).size(),
                        Hostile::kNow);
  }
  std::string half(size, 'x');
  CHECK(helper.feed(FrameType::kData, 1, half) == "");
  CHECK(helper.session.output(Hostile::kNow).empty());
  CHECK(helper.feed(FrameType::kData, 1, half) == "");
  Bytes output = helper.session.output(Hostile::kNow);
  CHECK(output.empty() != at_once);
  if (!at_once) return;
  REQUIRE(output.size() == kHeaderSize);
  CHECK(decode_header(output)->type == FrameType::kAck);
}

TEST_CASE("session: who acknowledges nothing is given up") {
  Hostile client(Session::Role::kHelper);
  client.events.refuses = true;
  std::string wrong;
  // Each is answered by a REFUSED of 17 bytes.
  for (StreamId id = 1; id < 1'600'000 && wrong.empty(); ++id) {
    wrong = client.open(id);
    Bytes output = client.session.output(Hostile::kNow);
    client.session.sent(output.size(), Hostile::kNow);
  }
  CHECK(wrong == "the far end broke the protocol: it acknowledges nothing");
}

TEST_CASE("session: the helper's log arrives, and a flood of it is bounded") {
  Pair pair;
  pair.settle();
  for (int i = 0; i < 1000; ++i) {
    pair.network.helper.send_log(log::Level::kInfo, std::string(5000, 'l'));
  }
  pair.network.advance(1s);
  const auto& lines = pair.network.client_events_.lines;
  REQUIRE(lines.size() == Session::kMaxLogLines);
  CHECK(lines[0].size() == kMaxLogText);
}

TEST_CASE("session: a breach of the protocol ends it with its reason") {
  auto broke = [](std::string_view what) {
    return concat("the far end broke the protocol: ", what);
  };
  Hostile helper(Session::Role::kHelper);
  Hostile client(Session::Role::kClient);
  auto handler = std::make_shared<EndpointHandler>(1, 0, 2);

  SUBCASE("a stream of text") {
    CHECK(helper.session
              .receive(as_bytes("HTTP/1.1 400 Bad Request\r\n"), Hostile::kNow)
              .error()
              .message() == broke("malformed frame header"));
  }
  SUBCASE("a second HELLO") {
    CHECK(helper.feed(FrameType::kHello, 0, encode(Hello())) ==
          broke("a second HELLO"));
  }
  SUBCASE("the same stream twice") {
    CHECK(helper.open(5) == "");
    CHECK(helper.open(5) == broke("an OPEN out of place"));
  }
  SUBCASE("a helper that opens streams") {
    CHECK(client.open(5) == broke("an OPEN out of place"));
  }
  SUBCASE("more than its credit") {
    CHECK(helper.open(1) == "");
    std::string much(kMaxPayload, 'x');
    std::string wrong;
    for (int i = 0; i < 100 && wrong.empty(); ++i) {
      wrong = helper.feed(FrameType::kData, 1, much);
    }
    CHECK(wrong == broke("too much DATA before OPENED"));
    CHECK(helper.session.counters().unread <= kInitialWindow);
  }
  SUBCASE("data after the end of data") {
    CHECK(helper.open(1) == "");
    CHECK(helper.feed(FrameType::kFin, 1, "") == "");
    CHECK(helper.feed(FrameType::kData, 1, "x") == broke("DATA out of place"));
  }
  SUBCASE("data before the connection") {
    Stream* stream = client.session.open(
        Endpoint(IpAddress::loopback(Family::kIpv4), 1), handler);
    CHECK(client.feed(FrameType::kData, stream->id(), "x") ==
          broke("DATA out of place"));
  }
  SUBCASE("a gap in the sequence") {
    helper.position_ += 16;
    CHECK(helper.open(1) == broke("a gap in the session sequence"));
  }
  SUBCASE("an acknowledgement of what was never sent") {
    helper.ack = 1;
    CHECK(helper.feed(FrameType::kAck, 0, "") ==
          broke("it acknowledged what was never sent"));
  }
  SUBCASE("another version") {
    Session fresh(Session::Role::kClient, client.events, Hostile::kNow);
    std::vector<std::byte> bytes(kHeaderSize + 2);
    Header header;
    header.type = FrameType::kHello;
    header.length = 2;
    encode(header, bytes.data());
    store_be<std::uint16_t>(bytes.data() + kHeaderSize, 99);
    CHECK(fresh.receive(bytes, Hostile::kNow).error().message() ==
          "the far end speaks version 99 of the protocol, this program "
          "version 1");
  }
  SUBCASE("frames of streams that are over are harmless") {
    CHECK(helper.feed(FrameType::kData, 9, "late") == "");
    CHECK(helper.feed(FrameType::kReset, 9, "") == "");
    CHECK(client.feed(FrameType::kFin, 9, "") == "");
  }
}

TEST_CASE("session: a flood of pings is answered by one pong") {
  Hostile helper(Session::Role::kHelper);
  for (int i = 0; i < 10000; ++i) helper.feed(FrameType::kPing, 0, "");
  CHECK(helper.session.output(Hostile::kNow).size() < 100);
}

}  // namespace
}  // namespace ginnel::mux
