// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "mux/spawn.h"

namespace ginnel::lab {

// One TCP connection, read by lines first and by pieces later. Each call
// throws asio::system_error when the connection breaks, so that a reset is
// never taken for an end.
class Conversation {
 public:
  explicit Conversation(asio::ip::tcp::socket socket);

  // Up to and without the next newline; an end of file before it is an error.
  awaitable<std::string> line();

  // The next bytes, valid until the next call. Empty at the end of file.
  awaitable<std::span<const char>> piece();

  awaitable<void> write(std::span<const char> bytes);
  awaitable<void> write_line(std::string_view text);

  // The first `bytes` of the bulk pattern.
  awaitable<void> write_bulk(std::uint64_t bytes);

  void finish_writing();
  // Ends the connection by RST.
  void reset();

  // The other side's address, without its port.
  std::string peer() const;

 private:
  asio::ip::tcp::socket socket_;
  std::string peer_;
  std::string ahead_;  // read with a line, but behind it
  std::string buffer_;
};

}  // namespace ginnel::lab
