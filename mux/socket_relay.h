// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "base/unique_fd.h"
#include "mux/socket_poller.h"
#include "mux/stream.h"

namespace ginnel::mux {

// A TCP socket as one end of a stream: bytes go straight between the kernel
// and frames, both halves close on their own, and a reset at either side is a
// reset at the other, after what came before it. Holds no buffer; what the
// socket cannot take stays in the stream's credit.
class SocketRelay : public StreamHandler,
                    public SocketPoller::Watcher,
                    public std::enable_shared_from_this<SocketRelay> {
 public:
  // `socket` is prepared and non-blocking, connected or about to be.
  SocketRelay(SocketPoller& poller, UniqueFd socket);
  ~SocketRelay() override;

  // Begins to relay: the socket is connected, and `stream` is this relay's.
  // Until then nothing is read or written. `events` is what is known of the
  // socket; with EPOLLIN what it has received by now travels with the OPEN.
  void start(Stream& stream, std::uint32_t events);

  ReadResult read(MutableBytes room) override;
  std::size_t write(Bytes bytes) override;
  std::size_t write_several(std::span<const Bytes> pieces) override;
  void finish() override;
  void ended(StreamEnd end) override;

  void ready(std::uint32_t events) override;

 protected:
  int fd() const { return socket_.get(); }
  // Closes it, as a reset unless it has ended or failed.
  void close();

 private:
  void close_in_order();
  void socket_broke();
  void break_off();

  SocketPoller& poller_;
  SocketPoller::Ticket ticket_;
  UniqueFd socket_;
  Stream* stream_ = nullptr;  // null before start() and after the end
  bool at_end_ = false;       // its end of file was read
  bool broken_ = false;       // it has failed; what came before is still read
  // Its end of file or its failure has been told of, and will not be again:
  // a read that comes up short is not the last.
  bool end_is_near_ = false;
  bool waiting_to_read_ = false;
  bool waiting_to_write_ = false;
};

// What every relayed TCP socket is set to: no Nagle (interactive bytes go at
// once), keepalive (a peer that vanished ends the stream), and a linger of
// zero: when this process is killed the peer sees a reset (RFC 9293 ABORT), and
// does not take what it has for the whole. A listener hands all of it on to
// what it accepts.
void prepare_relayed_socket(int fd);

}  // namespace ginnel::mux
