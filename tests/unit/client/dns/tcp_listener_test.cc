// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/dns/tcp_listener.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "names/dns_build.h"
#include "names/messages.h"
#include "tests/unit/client/discovery/far_end.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using Message = std::vector<std::byte>;

// A listener on loopback. Names known here are answered at once, others not at
// all.
class Listening {
 public:
  FarEnd far;
  Endpoint at;

  Listening() {
    SocketAddress address(Endpoint(IpAddress::loopback(Family::kIpv4), 0));
    UniqueFd socket(
        ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(socket.get(), address.get(), address.size) == 0);
    REQUIRE(::listen(socket.get(), 16) == 0);
    REQUIRE(::getsockname(socket.get(), address.get(), &address.size) == 0);
    at = *address.endpoint();
    LookUps::Hooks hooks;
    hooks.known = [](Bytes query) -> std::optional<Message> {
      if (dns::read_question(query)->name != "known.example") return {};
      return dns::reply_with_addresses(query, {}, 60s);
    };
    look_ups_.emplace(far.session(), std::vector<Endpoint>(),
                      std::vector<std::string>(), hooks);
    listener = std::make_shared<TcpListener>(far.executor(), std::move(socket),
                                             Family::kIpv4, *look_ups_);
    spawn(far.executor(), "listener", TcpListener::run(listener));
  }
  ~Listening() {
    listener->close();
    far.settle();
  }

  std::shared_ptr<TcpListener> listener;

 private:
  std::optional<LookUps> look_ups_;
};

// Who asks.
class Peer {
 public:
  explicit Peer(Listening& listening)
      : far_(listening.far),
        socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    SocketAddress address(listening.at);
    REQUIRE(::connect(socket_.get(), address.get(), address.size) == 0);
  }
  void send(const Message& message) {
    Message framed = names::encode_message(message);
    REQUIRE(::send(socket_.get(), framed.data(), framed.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(framed.size()));
  }
  void ask(const char* name, std::uint16_t id = 1) {
    send(*dns::make_query(id, name, dns::type::kA));
  }
  void finish() { ::shutdown(socket_.get(), SHUT_WR); }

  // The ids of the first `count` answers.
  std::vector<std::uint16_t> ids(std::size_t count) {
    std::vector<std::uint16_t> ids;
    far_.turn([&] {
      receive();
      while (auto message = *reader_.next()) {
        ids.push_back(dns::read_header(message->bytes)->id);
      }
      return ids.size() >= count;
    });
    return ids;
  }
  bool is_closed() {
    receive();
    return closed_;
  }
  void expect_end(std::chrono::seconds limit = 5s) {
    far_.turn([this] { return is_closed(); }, limit);
  }

 private:
  void receive() {
    std::byte room[4096];
    ssize_t count = ::recv(socket_.get(), room, sizeof room, MSG_DONTWAIT);
    if (count > 0) reader_.feed({room, static_cast<std::size_t>(count)});
    closed_ |= count == 0 || (count < 0 && errno == ECONNRESET);
  }

  FarEnd& far_;
  UniqueFd socket_;
  names::MessageReader reader_;
  bool closed_ = false;
};

TEST_CASE("tcp_listener: queries may follow each other without waiting") {
  Listening listening;
  Peer peer(listening);
  std::vector<std::uint16_t> wanted;
  for (std::uint16_t i = 0; i < 3 * TcpListener::kMaxQueries; ++i) {
    wanted.push_back(i);
    peer.ask("known.example", i);
  }
  CHECK(peer.ids(wanted.size()) == wanted);
}

TEST_CASE("tcp_listener: whoever sends nothing more is answered still") {
  Listening listening;
  Peer peer(listening);
  peer.ask("known.example", 1);
  peer.ask("known.example", 2);
  peer.finish();
  CHECK(peer.ids(2) == std::vector<std::uint16_t>{1, 2});
  peer.expect_end();
}

TEST_CASE("tcp_listener: what is not answered takes nobody's place") {
  Listening listening;
  Peer peer(listening);
  for (std::size_t i = 0; i < 2 * TcpListener::kMaxQueries; ++i) {
    peer.send(Message(3));
  }
  peer.ask("known.example", 5);
  CHECK(peer.ids(1) == std::vector<std::uint16_t>{5});
  peer.send(Message(3));
  peer.finish();
  peer.expect_end();
}

TEST_CASE("tcp_listener: a slow query holds up no other") {
  Listening listening;
  Peer peer(listening);
  peer.ask("slow.example", 1);
  peer.ask("known.example", 2);
  CHECK(peer.ids(1) == std::vector<std::uint16_t>{2});
}

TEST_CASE("tcp_listener: so many unanswered, and it is read no more") {
  Listening listening;
  Peer peer(listening);
  for (std::size_t i = 0; i < TcpListener::kMaxQueries; ++i) {
    peer.ask("slow.example");
  }
  peer.ask("known.example", 2);
  FarEnd& far = listening.far;
  far.turn([&] { return far.streams.size() == TcpListener::kMaxQueries; });
  far.settle();
  far.streams[0]->reset();
  // The answer to the first, which is that there is none, comes first.
  CHECK(peer.ids(2) == std::vector<std::uint16_t>{1, 2});
}

TEST_CASE("tcp_listener: its end is that of its connections") {
  Listening listening;
  Peer busy(listening), idle(listening);
  busy.ask("slow.example");
  listening.far.served();
  CHECK_FALSE(busy.is_closed());
  listening.listener->close();
  busy.expect_end(1s);
  idle.expect_end(1s);
}

TEST_CASE("tcp_listener: a connection without a query is closed") {
  Listening listening;
  Peer peer(listening);
  auto begin = std::chrono::steady_clock::now();
  peer.expect_end(15s);
  CHECK(std::chrono::steady_clock::now() - begin > TcpListener::kIdle - 1s);
}

}  // namespace
}  // namespace ginnel
