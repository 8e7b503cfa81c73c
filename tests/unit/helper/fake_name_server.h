// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "base/net_types.h"
#include "base/unique_fd.h"
#include "mux/socket_poller.h"

namespace ginnel {

// A name server on loopback, by UDP and TCP, that says what a test wants.
class FakeNameServer {
 public:
  using Message = std::vector<std::byte>;
  // What is sent back, message by message; nothing: silence.
  using Say = std::function<std::vector<Message>(const Message& query)>;

  // On an address of loopback's, and on `port`; 0: any.
  FakeNameServer(asio::any_io_executor executor, const char* address,
                 std::uint16_t port = 0);
  ~FakeNameServer();

  Endpoint where() const { return where_; }

  Say by_udp;
  // Behind their lengths, in one write after another.
  Say by_tcp;

  // To whoever asked first.
  void answer_late(const Message& answer);

  // What has been asked, and from which ports.
  std::vector<Message> udp_queries, tcp_queries;
  std::vector<std::uint16_t> ports;

 private:
  class Datagrams;
  class Listener;
  class Peer;

  mux::SocketPoller& poller_;
  Endpoint where_;
  std::unique_ptr<Datagrams> datagrams_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace ginnel
