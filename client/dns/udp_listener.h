// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/net_types.h"
#include "base/unique_fd.h"
#include "client/dns/look_ups.h"
#include "mux/spawn.h"

namespace ginnel {

// Where a packet that the firewall diverted was going: from `asker`, to our
// listener `here`.
using DivertedFrom = std::function<std::optional<Endpoint>(
    const Endpoint& asker, const Endpoint& here)>;

// Takes look-ups over UDP that the firewall redirects to one socket, and sends
// the answers back from the address they were redirected to, which the kernel
// turns into the one that was asked. An answer that the asker cannot take
// whole says so (TC), and the asker comes again over TCP.
class UdpListener : public std::enable_shared_from_this<UdpListener> {
 public:
  // `socket` is a FirewallProxy listener of Purpose::kDnsUdp at `port`.
  UdpListener(asio::any_io_executor executor, UniqueFd socket,
              std::uint16_t port, LookUps& look_ups,
              DivertedFrom diverted_from);

  // Serves until close(). Held by a shared_ptr for as long as answers may come.
  static awaitable<void> run(std::shared_ptr<UdpListener> self);
  void close();

 private:
  struct Packet;

  // False: nothing more is there.
  bool take_one();
  void send(const Packet& to, Bytes answer);

  asio::posix::stream_descriptor socket_;
  const std::uint16_t port_;
  LookUps& look_ups_;
  DivertedFrom diverted_from_;
  std::vector<std::byte> buffer_;
};

}  // namespace ginnel
