// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <vector>

#include "base/unique_fd.h"
#include "mux/link.h"

namespace ginnel::mux {

// A Link over descriptors: the helper's stdin and stdout, or a socketpair to a
// child (both then are copies of one). They become non-blocking, for whoever
// shares them too, so never give it a terminal.
//
// How the kernel's buffer is kept to a limit, since neither kind tells when it
// falls below a given level:
// - A socket of a pair counts its memory, a kilobyte a write and more beside
//   the bytes, and tells when three quarters are free again. Its buffer is
//   twice the limit, which is half of it then; after as much again has been
//   written, the next such word is waited for.
// - A pipe tells when a page is free. It gets the largest size within the
//   limit; below one page it is waited for until it is empty. It shrinks only
//   as far as it is empty, so that is tried again until it does.
class FdLink : public Link {
 public:
  FdLink(asio::any_io_executor executor, UniqueFd input, UniqueFd output);

  awaitable<Bytes> read() override;
  awaitable<void> wait_writable(std::size_t room = 1) override;
  bool writable(std::size_t = 1) const override {
    return !may_be_full_ && !too_large_;
  }
  std::size_t write_some(Bytes bytes) override;
  void finish_writing() override;
  void close() override;
  // Of a socket in memory, which is the bytes and a little more.
  std::size_t backlog() const override;
  void limit_backlog(std::size_t bytes) override;
  std::size_t window() const override;

 private:
  // A pipe of Linux's usual size, four times over.
  static constexpr std::size_t kReadSize = 256 * 1024;

  void fit_pipe();
  int output_fd() const;

  asio::posix::stream_descriptor input_;
  asio::posix::stream_descriptor output_;
  asio::steady_timer shrinking_;
  bool is_socket_;
  std::vector<std::byte> buffer_;
  int reads_ = 0;  // without having waited

  std::size_t limit_;
  std::size_t run_;          // bytes to write between two waits
  std::size_t written_ = 0;  // since the last wait
  bool may_be_full_ = false;
  bool too_large_ = false;  // the pipe
};

}  // namespace ginnel::mux
