// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/dialer.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/unique_fd.h"
#include "mux/socket_relay.h"

namespace ginnel {
namespace {

// A relay whose socket is not connected yet.
class DialedSocket : public mux::SocketRelay {
 public:
  DialedSocket(mux::SocketPoller& poller, UniqueFd socket, mux::Stream& stream)
      : SocketRelay(poller, std::move(socket)), connecting_(&stream) {}

  void ready(std::uint32_t events) override {
    if (!connecting_) return SocketRelay::ready(events);
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) settle(events);
  }

  void ended(mux::StreamEnd end) override {
    connecting_ = nullptr;
    SocketRelay::ended(end);
  }

 private:
  void settle(std::uint32_t events) {
    auto self = shared_from_this();
    mux::Stream& stream = *std::exchange(connecting_, nullptr);
    int failure = events & EPOLLERR ? take_error() : 0;
    if (failure != 0) {
      close();
      stream.refuse(refusal_of(failure));
      return;
    }
    start(stream, events);
    stream.accept();
  }

  int take_error() {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }

  mux::Stream* connecting_;  // null once settled
};

}  // namespace

mux::Refusal refusal_of(int errno_value) {
  switch (errno_value) {
    case ECONNREFUSED:
    case ECONNRESET:
      return mux::Refusal::kRefused;
    case ETIMEDOUT:
      return mux::Refusal::kTimeout;
    case EACCES:
    case EPERM:
      return mux::Refusal::kDenied;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:  // every local port is taken
    case EAGAIN:
      return mux::Refusal::kResources;
    default:
      return mux::Refusal::kUnreachable;
  }
}

std::shared_ptr<mux::StreamHandler> dial(asio::any_io_executor executor,
                                         mux::Stream& stream,
                                         const Endpoint& target) {
  int family = target.address.address_family();
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  SocketAddress address(target);
  if (!fd || (::connect(fd.get(), address.get(), address.size) != 0 &&
              errno != EINPROGRESS)) {
    stream.refuse(refusal_of(errno));
    return nullptr;
  }
  mux::prepare_relayed_socket(fd.get());
  return std::make_shared<DialedSocket>(mux::SocketPoller::of(executor),
                                        std::move(fd), stream);
}

}  // namespace ginnel
