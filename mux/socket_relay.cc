// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/socket_relay.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace ginnel::mux {

void prepare_relayed_socket(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

void close_with_reset(asio::ip::tcp::socket& socket) {
  std::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

SocketRelay::SocketRelay(asio::ip::tcp::socket socket)
    : socket_(std::move(socket)) {
  prepare_relayed_socket(socket_.native_handle());
}

void SocketRelay::start(Stream& stream) {
  stream_ = &stream;
  wait_readable();
  watch_for_errors();
}

StreamHandler::ReadResult SocketRelay::read(MutableBytes room) {
  ssize_t count =
      ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
  if (count > 0) {
    auto size = static_cast<std::size_t>(count);
    if (size == room.size() || broken_) {
      return ReadResult(ReadStatus::kData, size);
    }
    // Less than asked for: the socket is empty, and asking again would only
    // cost a system call.
    wait_readable();
    return ReadResult(ReadStatus::kDrained, size);
  }
  if (count == 0 && !broken_) {
    at_end_ = true;
    return ReadResult(ReadStatus::kEndOfFile);
  }
  if (!broken_ && (errno == EAGAIN || errno == EINTR)) {
    wait_readable();
    return ReadResult(ReadStatus::kDrained);
  }
  stream_ = nullptr;
  close_with_reset();
  return ReadResult(ReadStatus::kError);
}

std::size_t SocketRelay::write(Bytes bytes) {
  if (broken_) return bytes.size();  // nobody is left to read it
  if (!stream_ || waiting_to_write_) return 0;
  ssize_t count = ::send(socket_.native_handle(), bytes.data(), bytes.size(),
                         MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
    socket_broke();
    return bytes.size();
  }
  std::size_t taken = count < 0 ? 0 : static_cast<std::size_t>(count);
  if (taken < bytes.size()) wait_writable();
  return taken;
}

void SocketRelay::finish() {
  std::error_code ignored;  // a socket that is gone says so when it is read
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

void SocketRelay::ended(StreamEnd end) {
  stream_ = nullptr;
  if (end.kind == StreamEnd::Kind::kFinished) {
    std::error_code ignored;
    socket_.close(ignored);
  } else {
    close_with_reset();
  }
}

void SocketRelay::wait_readable() {
  if (waiting_to_read_) return;
  waiting_to_read_ = true;
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this()](std::error_code error) {
                       self->waiting_to_read_ = false;
                       if (!error && self->stream_) self->stream_->readable();
                     });
}

void SocketRelay::wait_writable() {
  if (waiting_to_write_) return;
  waiting_to_write_ = true;
  socket_.async_wait(asio::socket_base::wait_write,
                     [self = shared_from_this()](std::error_code error) {
                       self->waiting_to_write_ = false;
                       if (!error && self->stream_) self->stream_->writable();
                     });
}

// A reset must be noticed while the stream is out of credit or has read its
// end of file too, when nothing reads. Looked for without SO_ERROR, which
// would take the error away from recv() and leave an end of file.
void SocketRelay::watch_for_errors() {
  socket_.async_wait(asio::socket_base::wait_error,
                     [self = shared_from_this()](std::error_code error) {
                       if (error || !self->stream_) return;
                       pollfd now{self->socket_.native_handle(), 0, 0};
                       ::poll(&now, 1, 0);
                       // Otherwise both halves are shut or there is urgent
                       // data, which the kernel would tell again at once and
                       // for ever.
                       if (now.revents & POLLERR) self->socket_broke();
                     });
}

void SocketRelay::close_with_reset() { mux::close_with_reset(socket_); }

// What it received before it broke still goes to the other end, as it would
// have without a tunnel; read() then finds the error.
void SocketRelay::socket_broke() {
  broken_ = true;
  if (at_end_) return break_off();
  stream_->readable();
}

void SocketRelay::break_off() {
  close_with_reset();
  Stream* stream = std::exchange(stream_, nullptr);
  stream->reset();
}

}  // namespace ginnel::mux
