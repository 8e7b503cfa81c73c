// SPDX-License-Identifier: GPL-3.0-or-later
// How a session deals with its handlers: what it offers them at once, and what
// it says when one of them breaks off.
#include <doctest/doctest.h>

#include <memory>

#include "mux/session.h"
#include "tests/fake/endpoint_handler.h"
#include "tests/fake/network.h"

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kUp = 11, kDown = 22;

// Takes several pieces as one, as a socket does, and can break.
class SocketLike : public fake::EndpointHandler {
 public:
  using EndpointHandler::EndpointHandler;

  ReadResult read(MutableBytes room) override {
    if (broken) return ReadResult(ReadStatus::kError);
    return EndpointHandler::read(room);
  }
  std::size_t write_several(std::span<const Bytes> pieces) override {
    most_pieces = std::max(most_pieces, pieces.size());
    std::size_t taken = 0;
    for (Bytes piece : pieces) {
      std::size_t count = write(piece);
      taken += count;
      if (count < piece.size()) break;
    }
    return taken;
  }

  bool broken = false;
  std::size_t most_pieces = 0;
};

// A client's stream, whose end sends `bytes` and stays, and a helper's.
struct OneStream {
  explicit OneStream(std::uint64_t bytes)
      : near(std::make_shared<SocketLike>(kUp, bytes, kDown)),
        far(std::make_shared<SocketLike>(kDown, 0, kUp)),
        network(shape(), shape(), 1, [this](Stream& stream, const auto&) {
          far->start(stream);
          stream.accept();
          return far;
        }) {
    near->stay_open();
    far->stay_open();
    Endpoint target(*IpAddress::parse("192.0.2.1"), 80);
    stream = network.client.open(target, near);
    REQUIRE(stream);
    near->start(*stream);
  }
  static fake::Pipe::Shape shape() {
    fake::Pipe::Shape shape;
    shape.delay = 1ms;
    shape.largest_run = 256 * 1024;
    return shape;
  }
  void settle() {
    REQUIRE(network.settle(1min));
    REQUIRE_FALSE(network.failure());
  }

  std::shared_ptr<SocketLike> near, far;
  fake::Network network;
  Stream* stream;
};

TEST_CASE("delivery: frames that come together are offered as one") {
  OneStream one(2'000'000);
  one.settle();
  CHECK(one.far->most_pieces > 1);
  CHECK(one.far->received() == 2'000'000);
  CHECK_FALSE(one.far->corrupt());
}

TEST_CASE("delivery: what a handler leaves of several frames comes later") {
  OneStream one(200'000);
  std::uint64_t allowed = 0;
  for (std::uint64_t more : {1u, 16'367u, 16'368u, 16'369u, 40'000u, 50'000u}) {
    one.far->allow(more);
    allowed += more;
    one.settle();
    CHECK(one.far->received() == allowed);
  }
  one.far->take_all();
  one.settle();
  CHECK(one.far->received() == 200'000);
  CHECK_FALSE(one.far->corrupt());
}

TEST_CASE("delivery: who breaks in its turn is told of in that turn") {
  OneStream one(100);
  one.settle();
  one.near->broken = true;
  one.stream->readable();
  CHECK_FALSE(one.network.client.output(one.network.now()).empty());
  one.settle();
  REQUIRE(one.far->end());
  CHECK(one.far->end()->kind == StreamEnd::Kind::kReset);
}

}  // namespace
}  // namespace ginnel::mux
