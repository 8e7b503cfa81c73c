// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/socket_relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace ginnel::mux {
namespace {

// To one system call.
constexpr std::size_t kMaxPieces = 16;

// With it, closing is a reset for the peer; without, what was sent arrives.
void set_linger(int fd, bool on) {
  linger at_once{on, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

void prepare_relayed_socket(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  set_linger(fd, true);
}

SocketRelay::SocketRelay(SocketPoller& poller, UniqueFd socket)
    : poller_(poller),
      ticket_(poller.watch(socket.get(), *this)),
      socket_(std::move(socket)) {}

SocketRelay::~SocketRelay() { close(); }

void SocketRelay::start(Stream& stream, std::uint32_t events) {
  stream_ = &stream;
  waiting_to_read_ = true;
  SocketRelay::ready(events);
}

StreamHandler::ReadResult SocketRelay::read(MutableBytes room) {
  ssize_t count = ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (count > 0) {
    auto size = static_cast<std::size_t>(count);
    if (size == room.size() || end_is_near_) {
      return ReadResult(ReadStatus::kData, size);
    }
    // Less than asked for: the socket is empty, and asking again would only
    // cost a system call.
    waiting_to_read_ = true;
    return ReadResult(ReadStatus::kDrained, size);
  }
  if (count == 0 && !broken_) {
    at_end_ = true;
    return ReadResult(ReadStatus::kEndOfFile);
  }
  if (!broken_ && errno == EAGAIN) {
    waiting_to_read_ = true;
    return ReadResult(ReadStatus::kDrained);
  }
  stream_ = nullptr;
  close();
  return ReadResult(ReadStatus::kError);
}

std::size_t SocketRelay::write(Bytes bytes) {
  return write_several({&bytes, 1});
}

std::size_t SocketRelay::write_several(std::span<const Bytes> pieces) {
  std::array<iovec, kMaxPieces> parts;
  msghdr message{};
  message.msg_iov = parts.data();
  std::size_t size = 0;
  for (Bytes piece : pieces.first(std::min(pieces.size(), parts.size()))) {
    parts[message.msg_iovlen++] = {const_cast<std::byte*>(piece.data()),
                                   piece.size()};
    size += piece.size();
  }
  if (broken_) return size;  // nobody is left to read it
  if (!stream_ || waiting_to_write_) return 0;
  ssize_t count =
      ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN) {
    socket_broke();
    return size;
  }
  std::size_t taken = count < 0 ? 0 : static_cast<std::size_t>(count);
  waiting_to_write_ = taken < size;
  return taken;
}

void SocketRelay::finish() {
  // A socket that is gone says so when it is read.
  ::shutdown(socket_.get(), SHUT_WR);
}

void SocketRelay::ended(StreamEnd end) {
  stream_ = nullptr;
  if (end.kind == StreamEnd::Kind::kFinished) {
    close_in_order();
  } else {
    close();
  }
}

// The stream may let go of this relay in any of these calls.
void SocketRelay::ready(std::uint32_t events) {
  auto self = shared_from_this();
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) end_is_near_ = true;
  // A reset is to be noticed while the stream is out of credit or has read its
  // end of file, too, when nothing reads.
  if (stream_ && events & EPOLLERR && !broken_) socket_broke();
  bool reads_on = events & ~std::uint32_t{EPOLLOUT};
  if (stream_ && reads_on && std::exchange(waiting_to_read_, false)) {
    stream_->readable();
  }
  bool writes_on = events & (EPOLLOUT | EPOLLHUP);
  if (stream_ && writes_on && std::exchange(waiting_to_write_, false)) {
    stream_->writable();
  }
}

void SocketRelay::close() {
  if (!socket_) return;
  poller_.unwatch(ticket_);
  socket_.reset();
}

void SocketRelay::close_in_order() {
  set_linger(socket_.get(), false);
  close();
}

// What it received before it broke still goes to the other end, as it would
// have without a tunnel; read() then finds the error.
void SocketRelay::socket_broke() {
  broken_ = true;
  end_is_near_ = true;
  if (at_end_) return break_off();
  stream_->readable();
}

void SocketRelay::break_off() {
  close();
  Stream* stream = std::exchange(stream_, nullptr);
  stream->reset();
}

}  // namespace ginnel::mux
