// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/ip/tcp.hpp>
#include <memory>

#include "mux/stream.h"

namespace ginnel::mux {

// A TCP socket as one end of a stream: bytes go straight between the kernel
// and frames, both halves close on their own, and a reset at either side is a
// reset at the other, after what came before it. Holds no buffer; what the
// socket cannot take stays in the stream's credit.
class SocketRelay : public StreamHandler,
                    public std::enable_shared_from_this<SocketRelay> {
 public:
  // `socket` is open, connected or about to be.
  explicit SocketRelay(asio::ip::tcp::socket socket);

  // Begins to relay: the socket is connected, and `stream` is this relay's.
  // Until then nothing is read or written.
  void start(Stream& stream);

  ReadResult read(MutableBytes room) override;
  std::size_t write(Bytes bytes) override;
  void finish() override;
  void ended(StreamEnd end) override;

 protected:
  asio::ip::tcp::socket& socket() { return socket_; }
  // False after the session or the socket ended the stream.
  bool is_open() const { return socket_.is_open(); }

 private:
  void wait_readable();
  void wait_writable();
  void watch_for_errors();
  void close_with_reset();
  void socket_broke();
  void break_off();

  asio::ip::tcp::socket socket_;
  Stream* stream_ = nullptr;  // null before start() and after the end
  bool at_end_ = false;       // its end of file was read
  bool broken_ = false;       // it has failed; what came before is still read
  bool waiting_to_read_ = false;
  bool waiting_to_write_ = false;
};

// What every relayed TCP socket is set to: no Nagle (interactive bytes go at
// once), keepalive (a peer that vanished ends the stream), non-blocking.
void prepare_relayed_socket(int fd);

// Closes so that the peer sees a reset: RFC 9293 ABORT, by a linger of zero.
void close_with_reset(asio::ip::tcp::socket& socket);

}  // namespace ginnel::mux
