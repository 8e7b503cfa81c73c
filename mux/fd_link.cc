// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/fd_link.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <bit>
#include <cerrno>
#include <chrono>
#include <limits>

namespace ginnel::mux {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
// What a pipe holds at least, and what a buffer is given at most: with more a
// local link is no faster.
constexpr std::size_t kSmallestPipe = 4096;
constexpr std::size_t kLargestBuffer = 256 * 1024;
// How often a pipe is looked at that holds too much to be made smaller.
constexpr std::chrono::milliseconds kShrinkInterval{1};
// A busy input is read this often before everyone else has a turn.
constexpr int kReadsATurn = 4;

bool is_socket(int fd) {
  int size = 0;
  socklen_t length = sizeof size;
  return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) == 0;
}

bool has_reader(int fd) {
  pollfd look{fd, 0, 0};
  return ::poll(&look, 1, 0) == 0;
}

[[noreturn]] void throw_errno() {
  throw asio::system_error(std::error_code(errno, std::generic_category()));
}

}  // namespace

FdLink::FdLink(asio::any_io_executor executor, UniqueFd input, UniqueFd output)
    : input_(executor, input.release()),
      output_(executor, output.release()),
      shrinking_(executor),
      is_socket_(is_socket(output_.native_handle())),
      buffer_(kReadSize),
      limit_(kNoLimit),
      run_(kNoLimit) {
  input_.non_blocking(true);
  output_.non_blocking(true);
}

// Reads before it waits: a busy input has more already, and waiting costs two
// system calls.
awaitable<Bytes> FdLink::read() {
  if (++reads_ > kReadsATurn) {
    reads_ = 0;
    co_await asio::post(input_.get_executor(), asio::use_awaitable);
  }
  while (input_.is_open()) {
    ssize_t count =
        ::read(input_.native_handle(), buffer_.data(), buffer_.size());
    if (count >= 0) {
      co_return Bytes(buffer_).first(static_cast<std::size_t>(count));
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) throw_errno();
    reads_ = 0;
    co_await input_.async_wait(asio::posix::stream_descriptor::wait_read,
                               asio::use_awaitable);
  }
  throw asio::system_error(asio::error::operation_aborted);
}

awaitable<void> FdLink::wait_writable(std::size_t) {
  for (;;) {
    if (!output_.is_open()) {
      throw asio::system_error(asio::error::operation_aborted);
    }
    if (too_large_) {
      fit_pipe();
      if (!too_large_) continue;
      if (!has_reader(output_fd())) {
        throw asio::system_error(asio::error::broken_pipe);
      }
      shrinking_.expires_after(kShrinkInterval);
      co_await shrinking_.async_wait(asio::use_awaitable);
    } else if (may_be_full_) {
      co_await output_.async_wait(asio::posix::stream_descriptor::wait_write,
                                  asio::use_awaitable);
      may_be_full_ = false;
      written_ = 0;
    } else {
      co_return;
    }
  }
}

std::size_t FdLink::write_some(Bytes bytes) {
  ssize_t count = ::write(output_.native_handle(), bytes.data(), bytes.size());
  if (count < 0 && errno != EAGAIN && errno != EINTR) throw_errno();
  std::size_t taken = count < 0 ? 0 : static_cast<std::size_t>(count);
  written_ += taken;
  may_be_full_ = taken < bytes.size() || written_ >= run_;
  return taken;
}

void FdLink::finish_writing() {
  if (!output_.is_open()) return;
  // A pipe is closed, a socket whose other half is still read only half so.
  if (::shutdown(output_.native_handle(), SHUT_WR) != 0) {
    std::error_code ignored;
    output_.close(ignored);
  }
}

void FdLink::close() {
  std::error_code ignored;
  input_.close(ignored);
  output_.close(ignored);
  shrinking_.cancel();
}

void FdLink::limit_backlog(std::size_t bytes) {
  limit_ = std::min(bytes, kLargestBuffer);
  if (!output_.is_open()) return;
  if (is_socket_) {
    // The kernel doubles the number.
    int size = static_cast<int>(limit_);
    setsockopt(output_fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    run_ = limit_ / 2;
  } else {
    fit_pipe();
    run_ = limit_ < kSmallestPipe ? limit_ : kNoLimit;
  }
  may_be_full_ = may_be_full_ || written_ >= run_;
}

void FdLink::fit_pipe() {
  std::size_t size = std::max(std::bit_floor(limit_), kSmallestPipe);
  int set = fcntl(output_fd(), F_SETPIPE_SZ, static_cast<int>(size));
  too_large_ = set < 0 && errno == EBUSY;
}

std::size_t FdLink::window() const { return kNoLimit; }

std::size_t FdLink::backlog() const {
  int queued = 0;
  if (ioctl(output_fd(), is_socket_ ? SIOCOUTQ : FIONREAD, &queued) != 0) {
    return 0;
  }
  return static_cast<std::size_t>(queued);
}

// asio has native_handle() only for a descriptor that may be changed.
int FdLink::output_fd() const {
  return const_cast<asio::posix::stream_descriptor&>(output_).native_handle();
}

}  // namespace ginnel::mux
