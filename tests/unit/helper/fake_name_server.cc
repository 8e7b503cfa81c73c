// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/helper/fake_name_server.h"

#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/bytes.h"

namespace ginnel {
namespace {

constexpr int kNonBlocking = SOCK_NONBLOCK | SOCK_CLOEXEC;

UniqueFd bound(int type, const Endpoint& where) {
  SocketAddress address(where);
  UniqueFd fd(::socket(address.get()->sa_family, type | kNonBlocking, 0));
  if (::bind(fd.get(), address.get(), address.size) != 0) return {};
  return fd;
}

Endpoint name_of(int fd) {
  SocketAddress address;
  ::getsockname(fd, address.get(), &address.size);
  return *address.endpoint();
}

std::vector<std::byte>& buffer() {
  static std::vector<std::byte> room(70000);
  return room;
}

}  // namespace

class FakeNameServer::Datagrams : public mux::SocketPoller::Watcher {
 public:
  Datagrams(FakeNameServer& server, UniqueFd socket)
      : server_(server),
        socket_(std::move(socket)),
        ticket_(server.poller_.watch(socket_.get(), *this)) {}
  ~Datagrams() { server_.poller_.unwatch(ticket_); }

  void send(const Message& message, const SocketAddress& to) {
    ::sendto(socket_.get(), message.data(), message.size(), 0, to.get(),
             to.size);
  }

  void ready(std::uint32_t) override {
    for (;;) {
      SocketAddress from;
      ssize_t count = ::recvfrom(socket_.get(), buffer().data(),
                                 buffer().size(), 0, from.get(), &from.size);
      if (count < 0) return;
      Message query(buffer().begin(), buffer().begin() + count);
      server_.udp_queries.push_back(query);
      server_.ports.push_back(from.endpoint()->port);
      if (!server_.by_udp) continue;
      for (const Message& answer : server_.by_udp(query)) {
        send(answer, from);
      }
    }
  }

 private:
  FakeNameServer& server_;
  UniqueFd socket_;
  mux::SocketPoller::Ticket ticket_;
};

class FakeNameServer::Peer : public mux::SocketPoller::Watcher {
 public:
  Peer(FakeNameServer& server, UniqueFd socket)
      : server_(server),
        socket_(std::move(socket)),
        ticket_(server.poller_.watch(socket_.get(), *this)) {}
  ~Peer() { server_.poller_.unwatch(ticket_); }

  void ready(std::uint32_t) override {
    ssize_t count;
    while ((count = ::recv(socket_.get(), buffer().data(), buffer().size(),
                           0)) > 0) {
      received_.insert(received_.end(), buffer().begin(),
                       buffer().begin() + count);
    }
    if (count == 0) return socket_.reset();
    if (received_.size() < 2) return;
    std::size_t length = load_be<std::uint16_t>(received_.data());
    if (received_.size() < 2 + length) return;
    Message query(received_.begin() + 2, received_.begin() + 2 + length);
    received_.clear();
    server_.tcp_queries.push_back(query);
    if (!server_.by_tcp) return;
    for (const Message& answer : server_.by_tcp(query)) {
      ::send(socket_.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }

 private:
  FakeNameServer& server_;
  UniqueFd socket_;
  mux::SocketPoller::Ticket ticket_;
  Message received_;
};

class FakeNameServer::Listener : public mux::SocketPoller::Watcher {
 public:
  Listener(FakeNameServer& server, UniqueFd socket)
      : server_(server),
        socket_(std::move(socket)),
        ticket_(server.poller_.watch(socket_.get(), *this)) {}
  ~Listener() { server_.poller_.unwatch(ticket_); }

  void ready(std::uint32_t) override {
    for (;;) {
      UniqueFd peer(::accept4(socket_.get(), nullptr, nullptr, kNonBlocking));
      if (!peer) return;
      peers_.push_back(std::make_unique<Peer>(server_, std::move(peer)));
    }
  }

 private:
  FakeNameServer& server_;
  UniqueFd socket_;
  mux::SocketPoller::Ticket ticket_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

FakeNameServer::FakeNameServer(asio::any_io_executor executor,
                               const char* address, std::uint16_t port)
    : poller_(mux::SocketPoller::of(executor)) {
  Endpoint wanted(*IpAddress::parse(address), port);
  UniqueFd udp = bound(SOCK_DGRAM, wanted);
  REQUIRE(udp);
  where_ = name_of(udp.get());
  UniqueFd tcp = bound(SOCK_STREAM, where_);
  REQUIRE(tcp);
  REQUIRE(::listen(tcp.get(), 64) == 0);
  datagrams_ = std::make_unique<Datagrams>(*this, std::move(udp));
  listener_ = std::make_unique<Listener>(*this, std::move(tcp));
}

FakeNameServer::~FakeNameServer() = default;

void FakeNameServer::answer_late(const Message& answer) {
  Endpoint asker(IpAddress::loopback(Family::kIpv4), ports.at(0));
  datagrams_->send(answer, SocketAddress(asker));
}

}  // namespace ginnel
