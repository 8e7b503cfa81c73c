// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/intercept.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/log.h"
#include "client/original_destination.h"
#include "mux/socket_relay.h"

namespace ginnel {
namespace {

// Between two looks at whether a descriptor has become free.
constexpr auto kRetry = std::chrono::milliseconds(100);

// So many are accepted before everything else has a turn.
constexpr int kBurst = 64;

asio::ip::tcp protocol_of(Family family) {
  return family == Family::kIpv4 ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
}

}  // namespace

Interceptor::Interceptor(asio::any_io_executor executor, UniqueFd listener,
                         Family family, mux::Session& session)
    : poller_(mux::SocketPoller::of(executor)),
      acceptor_(executor, protocol_of(family), listener.release()),
      pause_(executor),
      session_(session) {
  acceptor_.non_blocking(true);
  mux::prepare_relayed_socket(acceptor_.native_handle());
}

awaitable<void> Interceptor::run() {
  bool complained = false;
  while (acceptor_.is_open()) {
    co_await acceptor_.async_wait(asio::socket_base::wait_read,
                                  asio::use_awaitable);
    if (accept_waiting()) {
      complained = false;
      continue;
    }
    if (!std::exchange(complained, true)) {
      log::warning(
          "out of file descriptors: new connections wait (raise the limit "
          "with ulimit -n)");
    }
    pause_.expires_after(kRetry);
    co_await pause_.async_wait(asio::use_awaitable);
  }
}

void Interceptor::close() {
  std::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

bool Interceptor::accept_waiting() {
  for (int i = 0; i < kBurst; ++i) {
    UniqueFd connection(accept4(acceptor_.native_handle(), nullptr, nullptr,
                                SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      intercept(std::move(connection));
    } else if (errno == EAGAIN) {
      return true;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
               errno == ENOMEM) {
      return false;
    }
    // Otherwise it was reset before it was accepted: accept(2).
  }
  return true;
}

void Interceptor::intercept(UniqueFd connection) {
  std::optional<Endpoint> target = original_destination(connection.get());
  if (!target) {
    log::debug("reset a connection made straight to the listener");
    return;
  }
  auto relay =
      std::make_shared<mux::SocketRelay>(poller_, std::move(connection));
  mux::Stream* stream = session_.open(*target, relay);
  if (!stream) {
    log::warning("cannot carry one more connection: reset one to ", *target);
    relay->ended(mux::StreamEnd(mux::StreamEnd::Kind::kReset));
    return;
  }
  log::debug("connection to ", *target);
  relay->start(*stream, EPOLLIN);
}

}  // namespace ginnel
