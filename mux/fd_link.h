// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/posix/stream_descriptor.hpp>
#include <vector>

#include "base/unique_fd.h"
#include "mux/link.h"

namespace ginnel::mux {

// A Link over descriptors: the helper's stdin and stdout, or a socketpair to a
// child (both then are copies of one). They become non-blocking, for whoever
// shares them too, so never give it a terminal.
class FdLink : public Link {
 public:
  FdLink(asio::any_io_executor executor, UniqueFd input, UniqueFd output);

  awaitable<Bytes> read() override;
  awaitable<void> wait_writable() override;
  bool writable() const override { return !may_be_full_; }
  std::size_t write_some(Bytes bytes) override;
  void finish_writing() override;
  void close() override;
  std::size_t backlog() const override;
  void limit_backlog(std::size_t bytes) override;
  std::size_t window() const override;

 private:
  static constexpr std::size_t kReadSize = 256 * 1024;

  asio::posix::stream_descriptor input_;
  asio::posix::stream_descriptor output_;
  std::vector<std::byte> buffer_;
  bool may_be_full_ = false;  // the last write was cut short
};

}  // namespace ginnel::mux
