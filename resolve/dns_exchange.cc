// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/dns_exchange.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "names/dns_message.h"

namespace ginnel {
namespace {

// Datagrams that do not match are someone's guesses at the id: so many, then
// another port is better.
constexpr int kMaxStrays = 64;
constexpr std::size_t kLengthSize = 2;  // in front of a message over TCP

// All that one call of recv() may give. One thread: it serves everyone.
std::array<std::byte, dns::kMaxMessage + 1> g_received;

SocketAddress address_of(const NameServer& server) {
  SocketAddress address(server.endpoint);
  if (server.endpoint.address.family() == Family::kIpv6) {
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_scope_id =
        server.zone;
  }
  return address;
}

bool connect_to(const NameServer& server, const UniqueFd& socket) {
  SocketAddress address = address_of(server);
  return socket && (::connect(socket.get(), address.get(), address.size) == 0 ||
                    errno == EINPROGRESS);
}

class UdpExchange : public DnsExchange {
 public:
  UdpExchange(mux::SocketPoller& poller, UniqueFd socket,
              std::vector<std::byte> query, Owner& owner)
      : DnsExchange(poller, std::move(socket), std::move(query), owner) {}

  void ready(std::uint32_t events) override {
    if ((events & (EPOLLIN | EPOLLERR)) == 0) return;
    for (;;) {
      ssize_t count = ::recv(fd(), g_received.data(), g_received.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) return owner().failed(*this);
      Bytes answer = Bytes(g_received).first(static_cast<std::size_t>(count));
      if (dns::matches(query(), answer)) {
        return owner().answered(*this, {answer.begin(), answer.end()});
      }
      if (++strays_ > kMaxStrays) return owner().failed(*this);
    }
  }

 private:
  int strays_ = 0;
};

class TcpExchange : public DnsExchange {
 public:
  TcpExchange(mux::SocketPoller& poller, UniqueFd socket,
              std::vector<std::byte> query, Owner& owner)
      : DnsExchange(poller, std::move(socket), std::move(query), owner) {
    ByteWriter writer;
    writer.u16(static_cast<std::uint16_t>(this->query().size()));
    writer.bytes(this->query());
    unsent_ = writer.take();
  }

  void ready(std::uint32_t) override {
    bool going = send_rest() && receive();
    Bytes rest = received_;
    if (rest.size() < kLengthSize ||
        rest.size() - kLengthSize < load_be<std::uint16_t>(rest.data())) {
      if (!going) owner().failed(*this);
      return;
    }
    Bytes answer =
        rest.subspan(kLengthSize, load_be<std::uint16_t>(rest.data()));
    if (!dns::matches(query(), answer)) return owner().failed(*this);
    owner().answered(*this, {answer.begin(), answer.end()});
  }

 private:
  // False when the connection is broken; true while it is being made, too.
  bool send_rest() {
    while (!unsent_.empty()) {
      ssize_t count =
          ::send(fd(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno == EAGAIN;
      unsent_.erase(unsent_.begin(), unsent_.begin() + count);
    }
    return true;
  }

  // False when no more will come, or more has than an answer can have.
  bool receive() {
    while (unsent_.empty() &&
           received_.size() < kLengthSize + dns::kMaxMessage) {
      ssize_t count = ::recv(fd(), g_received.data(), g_received.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno == EAGAIN;
      if (count == 0) return false;
      received_.insert(received_.end(), g_received.begin(),
                       g_received.begin() + count);
    }
    return !unsent_.empty();
  }

  std::vector<std::byte> unsent_;
  std::vector<std::byte> received_;
};

}  // namespace

DnsExchange::DnsExchange(mux::SocketPoller& poller, UniqueFd socket,
                         std::vector<std::byte> query, Owner& owner)
    : poller_(poller),
      socket_(std::move(socket)),
      ticket_(poller.watch(socket_.get(), *this)),
      query_(std::move(query)),
      owner_(owner) {}

DnsExchange::~DnsExchange() { poller_.unwatch(ticket_); }

std::unique_ptr<DnsExchange> DnsExchange::by_udp(mux::SocketPoller& poller,
                                                 UniqueFd socket,
                                                 const NameServer& server,
                                                 std::vector<std::byte> query,
                                                 Owner& owner) {
  if (!connect_to(server, socket) ||
      ::send(socket.get(), query.data(), query.size(), 0) < 0) {
    return {};
  }
  return std::make_unique<UdpExchange>(poller, std::move(socket),
                                       std::move(query), owner);
}

std::unique_ptr<DnsExchange> DnsExchange::by_tcp(mux::SocketPoller& poller,
                                                 UniqueFd socket,
                                                 const NameServer& server,
                                                 std::vector<std::byte> query,
                                                 Owner& owner) {
  if (!connect_to(server, socket)) return {};
  return std::make_unique<TcpExchange>(poller, std::move(socket),
                                       std::move(query), owner);
}

}  // namespace ginnel
