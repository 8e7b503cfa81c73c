// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/socket_poller.h"

#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "base/unique_fd.h"

namespace ginnel::mux {
namespace {

// One end of a socketpair that is watched, and what was told of it.
class Watched : public SocketPoller::Watcher {
 public:
  explicit Watched(SocketPoller& poller) : poller_(poller) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                         pair) == 0);
    inner_.reset(pair[0]);
    outer.reset(pair[1]);
    ticket_ = poller_.watch(inner_.get(), *this);
  }

  void send() { REQUIRE(::write(outer.get(), "x", 1) == 1); }
  void stop() { poller_.unwatch(ticket_); }
  void ready(std::uint32_t events) override {
    ++told;
    last = events;
    if (then) then();
  }

  UniqueFd outer;
  int told = 0;
  std::uint32_t last = 0;
  std::function<void()> then;

 private:
  SocketPoller& poller_;
  UniqueFd inner_;
  SocketPoller::Ticket ticket_;
};

TEST_CASE("socket poller: tells what holds at first, then each change once") {
  asio::io_context io;
  Watched socket(SocketPoller::of(io.get_executor()));
  io.poll();
  CHECK(socket.told == 1);
  CHECK(socket.last == EPOLLOUT);
  io.poll();
  CHECK(socket.told == 1);
  socket.send();
  io.poll();
  CHECK(socket.told == 2);
  CHECK((socket.last & EPOLLIN));
  socket.outer.reset();
  io.poll();
  CHECK(socket.told == 3);
  CHECK((socket.last & EPOLLRDHUP));
}

TEST_CASE("socket poller: tells nothing of what is watched no more") {
  asio::io_context io;
  SocketPoller& poller = SocketPoller::of(io.get_executor());
  Watched one(poller);
  Watched other(poller);
  one.then = [&] { other.stop(); };
  other.then = [&] { one.stop(); };
  io.poll();
  CHECK(one.told + other.told == 1);  // both had news in the same batch
}

TEST_CASE("socket poller: the next holder of a place hears only its own news") {
  asio::io_context io;
  SocketPoller& poller = SocketPoller::of(io.get_executor());
  Watched one(poller);
  io.poll();
  one.send();
  one.stop();  // its descriptor is still open, and has news
  Watched next(poller);
  io.poll();
  CHECK(one.told == 1);
  CHECK(next.told == 1);
  CHECK(next.last == EPOLLOUT);
}

TEST_CASE("socket poller: keeps a loop running only while it watches") {
  asio::io_context io;
  SocketPoller& poller = SocketPoller::of(io.get_executor());
  Watched socket(poller);
  io.run_one();
  CHECK_FALSE(io.stopped());
  socket.stop();
  io.run();  // ends
  CHECK(io.stopped());
}

TEST_CASE("socket poller: tells many in turns, each once") {
  asio::io_context io;
  SocketPoller& poller = SocketPoller::of(io.get_executor());
  std::vector<std::unique_ptr<Watched>> sockets;
  for (int i = 0; i < 300; ++i) {
    sockets.push_back(std::make_unique<Watched>(poller));
  }
  io.poll();
  for (auto& socket : sockets) CHECK(socket->told == 1);
}

}  // namespace
}  // namespace ginnel::mux
