// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/socket_relay.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>

#include "mux/connection.h"
#include "mux/fd_link.h"

namespace {

std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* at = std::malloc(size)) return at;
  throw std::bad_alloc();
}
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;

// Two connected TCP sockets on the loopback interface.
struct TcpPair {
  TcpPair() {
    UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    SocketAddress address(Endpoint(IpAddress::loopback(Family::kIpv4), 0));
    REQUIRE(::bind(listener.get(), address.get(), address.size) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), address.get(), &address.size) == 0);
    outer.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(outer.get(), address.get(), address.size) == 0);
    inner.reset(::accept4(listener.get(), nullptr, nullptr,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(inner);
  }
  UniqueFd outer;  // the application's, or the server's
  UniqueFd inner;  // the relay's
};

// An application and a server with a whole tunnel between them, in one loop.
class Tunnel : private Connection::Owner {
 public:
  Tunnel()
      : client_(io_.get_executor(), Session::Role::kClient, *this, link(0), {}),
        helper_(io_.get_executor(), Session::Role::kHelper, *this, link(1),
                {}) {
    spawn(io_.get_executor(), "client", run(client_));
    spawn(io_.get_executor(), "helper", run(helper_));
    auto relay = relay_on(std::move(near_.inner));
    Stream* stream = client_.session().open(
        Endpoint(IpAddress::loopback(Family::kIpv4), 1), relay);
    relay->start(*stream, EPOLLIN);
    turn([this] { return connected_; });
  }

  int app() const { return near_.outer.get(); }
  int server() const { return far_.outer.get(); }
  void close_app() { near_.outer.reset(); }
  void close_server() { far_.outer.reset(); }

  // Lets the tunnel work until `done`, for five seconds at most.
  void turn(const std::function<bool()>& done) {
    auto end = Clock::now() + 5s;
    while (!done() && Clock::now() < end) io_.run_one_for(10ms);
    REQUIRE(done());
  }
  // Until `fd` has something to read.
  void await(int fd) {
    turn([fd] {
      pollfd now{fd, POLLIN, 0};
      return ::poll(&now, 1, 0) == 1;
    });
  }
  // What `fd` reads until it ends, and how that was.
  std::string drain(int fd) {
    std::size_t count = 0;
    for (;;) {
      await(fd);
      char bytes[65536];
      ssize_t size = ::read(fd, bytes, sizeof bytes);
      if (size <= 0) {
        return concat(count, size == 0 ? " end of file"
                                       : concat(" ", std::strerror(errno)));
      }
      count += static_cast<std::size_t>(size);
    }
  }

 private:
  std::unique_ptr<Link> link(int end) {
    if (end == 0) {
      REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipe_) == 0);
    }
    int copy = ::dup(pipe_[end]);
    return std::make_unique<FdLink>(io_.get_executor(), UniqueFd(pipe_[end]),
                                    UniqueFd(copy));
  }
  std::shared_ptr<SocketRelay> relay_on(UniqueFd fd) {
    prepare_relayed_socket(fd.get());
    return std::make_shared<SocketRelay>(SocketPoller::of(io_.get_executor()),
                                         std::move(fd));
  }
  static awaitable<void> run(Connection& connection) {
    co_await connection.run();
  }

  std::shared_ptr<StreamHandler> open_requested(Stream& stream,
                                                const Target&) override {
    auto relay = relay_on(std::move(far_.inner));
    relay->start(stream, EPOLLIN);
    stream.accept();
    connected_ = true;
    return relay;
  }
  void remote_log(log::Level, std::string_view) override {}
  void suspicion(bool) override {}

  asio::io_context io_{1};
  int pipe_[2];
  TcpPair near_;
  TcpPair far_;
  bool connected_ = false;
  Connection client_;
  Connection helper_;
};

void send_all(int fd, std::size_t count) {
  std::string bytes(count, 'x');
  REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(count));
}

void abort_on_close(int fd) {
  linger now{1, 0};
  REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
}

TEST_CASE("socket relay: an end of file is one, and the other half lives on") {
  Tunnel tunnel;
  send_all(tunnel.app(), 1000);
  ::shutdown(tunnel.app(), SHUT_WR);
  CHECK(tunnel.drain(tunnel.server()) == "1000 end of file");
  send_all(tunnel.server(), 2000);
  tunnel.close_server();
  CHECK(tunnel.drain(tunnel.app()) == "2000 end of file");
}

TEST_CASE("socket relay: a byte to and fro allocates nothing") {
  Tunnel tunnel;
  auto exchange = [&] {
    char byte;
    send_all(tunnel.app(), 1);
    tunnel.await(tunnel.server());
    REQUIRE(::read(tunnel.server(), &byte, 1) == 1);
    send_all(tunnel.server(), 1);
    tunnel.await(tunnel.app());
    REQUIRE(::read(tunnel.app(), &byte, 1) == 1);
  };
  for (int i = 0; i < 1000; ++i) exchange();
  std::size_t before = allocations;
  for (int i = 0; i < 1000; ++i) exchange();
  CHECK(allocations - before < 50);  // a deque's next block, now and then
}

struct NoEvents : Session::Events {
  void output_ready() override {}
  std::shared_ptr<StreamHandler> open_requested(Stream&,
                                                const Target&) override {
    return nullptr;
  }
  void remote_log(log::Level, std::string_view) override {}
  void suspicion(bool) override {}
};

// What the session would write now, and has.
std::vector<FrameType> next_run(Session& session) {
  std::vector<FrameType> types;
  FrameReader reader;
  Bytes run = session.output(Clock::now());
  reader.feed(run);
  while (auto frame = *reader.next()) types.push_back(frame->header.type);
  session.sent(run.size(), Clock::now());
  return types;
}

TEST_CASE("socket relay: what an application has sent rides with its OPEN") {
  asio::io_context io;
  NoEvents events;
  Session session(Session::Role::kClient, events, Clock::now());
  TcpPair pair;
  send_all(pair.outer.get(), 5);
  auto relay = std::make_shared<SocketRelay>(
      SocketPoller::of(io.get_executor()), std::move(pair.inner));
  Stream* stream =
      session.open(Endpoint(IpAddress::loopback(Family::kIpv4), 1), relay);
  relay->start(*stream, EPOLLIN);
  CHECK(next_run(session) == std::vector{FrameType::kHello});
  CHECK(next_run(session) == std::vector{FrameType::kOpen, FrameType::kData});
  session.reset_streams();
}

TEST_CASE("socket relay: an answer cut off by a reset arrives, and the reset") {
  Tunnel tunnel;
  send_all(tunnel.server(), 50000);
  abort_on_close(tunnel.server());
  tunnel.close_server();
  CHECK(tunnel.drain(tunnel.app()) == "50000 Connection reset by peer");
}

TEST_CASE("socket relay: what an application sent before it aborted arrives") {
  Tunnel tunnel;
  send_all(tunnel.app(), 10);
  abort_on_close(tunnel.app());
  tunnel.close_app();
  CHECK(tunnel.drain(tunnel.server()) == "10 Connection reset by peer");
}

TEST_CASE("socket relay: after an end in order the rest still arrives") {
  asio::io_context io;
  TcpPair pair;
  ::shutdown(pair.outer.get(), SHUT_WR);
  std::string bytes(65536, 'x');
  std::size_t sent = 0;
  for (ssize_t size; (size = ::send(pair.inner.get(), bytes.data(),
                                    bytes.size(), MSG_NOSIGNAL)) > 0;) {
    sent += static_cast<std::size_t>(size);
  }
  prepare_relayed_socket(pair.inner.get());
  auto relay = std::make_shared<SocketRelay>(
      SocketPoller::of(io.get_executor()), std::move(pair.inner));
  relay->finish();
  relay->ended(StreamEnd(StreamEnd::Kind::kFinished));
  ssize_t size;
  while ((size = ::read(pair.outer.get(), bytes.data(), bytes.size())) > 0) {
    sent -= static_cast<std::size_t>(size);
  }
  CHECK(size == 0);
  CHECK(sent == 0);
}

TEST_CASE("socket relay: a killed process is a reset, not an end of file") {
  TcpPair pair;
  pid_t process = ::fork();
  if (process == 0) {
    prepare_relayed_socket(pair.inner.get());
    ::send(pair.inner.get(), "x", 1, MSG_NOSIGNAL);
    for (;;) ::pause();
  }
  pair.inner.reset();
  char byte;
  CHECK(::read(pair.outer.get(), &byte, 1) == 1);
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
  CHECK(::read(pair.outer.get(), &byte, 1) == -1);
  CHECK(errno == ECONNRESET);
}

TEST_CASE("socket relay: a reset is noticed after the end of file, too") {
  Tunnel tunnel;
  ::shutdown(tunnel.app(), SHUT_WR);
  CHECK(tunnel.drain(tunnel.server()) == "0 end of file");
  abort_on_close(tunnel.app());
  tunnel.close_app();
  // The server finds out when it writes: its half is still open.
  tunnel.turn(
      [&] { return ::send(tunnel.server(), "x", 1, MSG_NOSIGNAL) < 0; });
}

}  // namespace
}  // namespace ginnel::mux
