// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/dns/tcp_listener.h"

#include <array>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/write.hpp>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "client/original_destination.h"
#include "names/messages.h"

namespace ginnel {
namespace {

// Between two looks at whether a connection may be accepted again.
constexpr auto kRetry = std::chrono::milliseconds(100);

asio::ip::tcp protocol_of(Family family) {
  return family == Family::kIpv4 ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
}

// Of this machine, only what the firewall lets through comes here undiverted:
// systemd-resolved, if it was told to.
bool is_from_this_machine(const asio::ip::tcp::socket& socket) {
  std::error_code failure;
  auto peer = socket.remote_endpoint(failure);
  return !failure && peer.address().is_loopback();
}

}  // namespace

// One coroutine reads queries, one writes answers; `changed_` wakes the other.
// A timer closes a connection that has nothing to do.
class TcpListener::Connection
    : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<TcpListener> listener,
             asio::ip::tcp::socket socket, std::optional<Endpoint> server)
      : listener_(std::move(listener)),
        socket_(std::move(socket)),
        server_(server),
        changed_(socket_.get_executor(), asio::steady_timer::time_point::max()),
        idle_(socket_.get_executor()) {
    listener_->connections_.insert(this);
  }
  ~Connection() { listener_->connections_.erase(this); }

  static void start(std::shared_ptr<Connection> self) {
    auto executor = self->socket_.get_executor();
    spawn(executor, "DNS queries over TCP", read_queries(self));
    spawn(executor, "DNS answers over TCP", write_answers(self));
    spawn(executor, "DNS connection's time", keep_time(self));
  }

  void close() {
    std::error_code ignored;
    socket_.close(ignored);
    changed_.cancel();
    idle_.cancel();
  }

 private:
  using Self = std::shared_ptr<Connection>;

  static awaitable<void> read_queries(Self self) {
    try {
      while (!self->listener_->closed_) {
        std::array<std::byte, 2> length;
        co_await asio::async_read(self->socket_, asio::buffer(length),
                                  asio::use_awaitable);
        std::vector<std::byte> message(load_be<std::uint16_t>(length.data()));
        co_await asio::async_read(self->socket_, asio::buffer(message),
                                  asio::use_awaitable);
        self->ask(std::move(message));
        while (self->waiting_ >= kMaxQueries) co_await self->wait();
      }
    } catch (const std::system_error&) {
    }
    self->read_all_ = true;
    self->changed_.cancel();
  }

  static awaitable<void> write_answers(Self self) {
    try {
      while (!self->read_all_ || self->waiting_ > 0) {
        while (!self->answers_.empty()) {
          std::vector<std::byte> bytes = std::move(self->answers_.front());
          self->answers_.pop_front();
          co_await asio::async_write(self->socket_, asio::buffer(bytes),
                                     asio::use_awaitable);
          --self->waiting_;
          self->changed_.cancel();
          self->be_busy();
        }
        if (!self->read_all_ || self->waiting_ > 0) co_await self->wait();
      }
    } catch (const std::system_error&) {
    }
    self->close();
  }

  static awaitable<void> keep_time(Self self) {
    self->be_busy();
    while (self->socket_.is_open() &&
           self->idle_.expiry() > asio::steady_timer::clock_type::now()) {
      std::error_code moved_or_expired;
      co_await self->idle_.async_wait(
          asio::redirect_error(asio::use_awaitable, moved_or_expired));
    }
    self->close();
  }

  void ask(std::vector<std::byte> message) {
    be_busy();
    LookUps::Query query;
    query.message = std::move(message);
    query.over_tcp = true;
    query.server = [server = server_] { return server; };
    ++waiting_;
    listener_->look_ups_.ask(std::move(query),
                             [self = weak_from_this()](Bytes answer) {
                               auto connection = self.lock();
                               if (!connection) return;
                               connection->take(answer);
                             });
  }

  void take(Bytes answer) {
    if (answer.empty()) {
      --waiting_;
    } else {
      answers_.push_back(names::encode_message(answer));
    }
    changed_.cancel();
  }

  awaitable<void> wait() {
    std::error_code woken;
    co_await changed_.async_wait(
        asio::redirect_error(asio::use_awaitable, woken));
    if (!socket_.is_open()) throw std::system_error(asio::error::eof);
  }

  void be_busy() { idle_.expires_after(kIdle); }

  std::shared_ptr<TcpListener> listener_;
  asio::ip::tcp::socket socket_;
  const std::optional<Endpoint> server_;  // where the queries were going
  asio::steady_timer changed_;
  asio::steady_timer idle_;
  std::deque<std::vector<std::byte>> answers_;
  std::size_t waiting_ = 0;  // queries whose answers are not written
  bool read_all_ = false;
};

TcpListener::TcpListener(asio::any_io_executor executor, UniqueFd socket,
                         Family family, LookUps& look_ups)
    : acceptor_(executor, protocol_of(family), socket.release()),
      pause_(executor),
      look_ups_(look_ups) {
  acceptor_.non_blocking(true);
}

awaitable<void> TcpListener::run(std::shared_ptr<TcpListener> self) {
  while (!self->closed_) {
    std::error_code failure;
    asio::ip::tcp::socket socket(self->acceptor_.get_executor());
    if (self->connections_.size() < kMaxConnections) {
      co_await self->acceptor_.async_accept(
          socket, asio::redirect_error(asio::use_awaitable, failure));
    } else {
      failure = asio::error::try_again;
    }
    if (self->closed_) break;
    if (!failure) {
      auto server = original_destination(socket.native_handle());
      // A stranger's is closed as it goes out of scope.
      if (server || is_from_this_machine(socket)) {
        Connection::start(
            std::make_shared<Connection>(self, std::move(socket), server));
      }
    } else if (failure != asio::error::connection_aborted) {
      self->pause_.expires_after(kRetry);
      co_await self->pause_.async_wait(
          asio::redirect_error(asio::use_awaitable, failure));
    }
  }
}

void TcpListener::close() {
  closed_ = true;
  std::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  for (Connection* connection : connections_) connection->close();
}

}  // namespace ginnel
