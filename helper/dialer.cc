// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/dialer.h"

#include <sys/socket.h>

#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <utility>

#include "base/unique_fd.h"
#include "mux/socket_relay.h"

namespace ginnel {
namespace {

// A relay whose socket is not connected yet.
class DialedSocket : public mux::SocketRelay {
 public:
  using SocketRelay::SocketRelay;

  // Waits for the connection that was begun on the socket.
  void wait_connected(mux::Stream& stream) {
    auto self = std::static_pointer_cast<DialedSocket>(shared_from_this());
    socket().async_wait(asio::socket_base::wait_write,
                        [self, &stream](std::error_code error) {
                          // An aborted wait: the stream has ended, and is gone.
                          if (!error && self->is_open()) self->settle(stream);
                        });
  }

 private:
  void settle(mux::Stream& stream) {
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(socket().native_handle(), SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0) {
      std::error_code ignored;
      socket().close(ignored);
      stream.refuse(refusal_of(failure));
      return;
    }
    start(stream);
    stream.accept();
  }
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
  asio::ip::tcp::socket socket(
      executor, family == AF_INET ? asio::ip::tcp::v4() : asio::ip::tcp::v6(),
      fd.release());
  auto relay = std::make_shared<DialedSocket>(std::move(socket));
  relay->wait_connected(stream);
  return relay;
}

}  // namespace ginnel
