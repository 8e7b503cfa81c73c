// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/fd_link.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/error.hpp>
#include <asio/system_error.hpp>
#include <cerrno>
#include <limits>

namespace ginnel::mux {

FdLink::FdLink(asio::any_io_executor executor, UniqueFd input, UniqueFd output)
    : input_(executor, input.release()),
      output_(executor, output.release()),
      buffer_(kReadSize) {
  input_.non_blocking(true);
  output_.non_blocking(true);
}

awaitable<Bytes> FdLink::read() {
  for (;;) {
    co_await input_.async_wait(asio::posix::stream_descriptor::wait_read,
                               asio::use_awaitable);
    ssize_t count =
        ::read(input_.native_handle(), buffer_.data(), buffer_.size());
    if (count >= 0) {
      co_return Bytes(buffer_).first(static_cast<std::size_t>(count));
    }
    if (errno != EAGAIN && errno != EINTR) {
      throw asio::system_error(std::error_code(errno, std::generic_category()));
    }
  }
}

awaitable<void> FdLink::wait_writable() {
  if (!output_.is_open()) {
    throw asio::system_error(asio::error::operation_aborted);
  }
  if (!may_be_full_) co_return;
  co_await output_.async_wait(asio::posix::stream_descriptor::wait_write,
                              asio::use_awaitable);
  may_be_full_ = false;
}

std::size_t FdLink::write_some(Bytes bytes) {
  ssize_t count = ::write(output_.native_handle(), bytes.data(), bytes.size());
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    throw asio::system_error(std::error_code(errno, std::generic_category()));
  }
  std::size_t taken = count < 0 ? 0 : static_cast<std::size_t>(count);
  may_be_full_ = taken < bytes.size();
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
}

// A socket's; a pipe keeps its size. The kernel doubles the number.
void FdLink::limit_backlog(std::size_t bytes) {
  int size = static_cast<int>(std::min<std::size_t>(bytes, kReadSize));
  setsockopt(output_.native_handle(), SOL_SOCKET, SO_SNDBUF, &size,
             sizeof size);
}

std::size_t FdLink::window() const {
  return std::numeric_limits<std::size_t>::max();
}

std::size_t FdLink::backlog() const {
  int queued = 0;
  auto fd =
      const_cast<asio::posix::stream_descriptor&>(output_).native_handle();
  if (ioctl(fd, SIOCOUTQ, &queued) != 0) return 0;
  return static_cast<std::size_t>(queued);
}

}  // namespace ginnel::mux
