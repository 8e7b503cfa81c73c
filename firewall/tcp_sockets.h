// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/net_types.h"
#include "base/result.h"
#include "firewall/netlink.h"

// The TCP connections that have a socket in this network namespace, whoever
// holds it (inet_diag).
namespace ginnel::firewall {

struct TcpSocket {
  // IPv4 also where an IPv6 socket speaks it.
  Endpoint local;
  Endpoint remote;
  // What names it to the kernel: its own address family, and an
  // inet_diag_sockid as the kernel gave it.
  std::uint8_t family = 0;
  std::array<std::byte, 48> key{};
};

// An entry of the kernel's list, header and all; nothing for a message that is
// not as it should be.
std::optional<TcpSocket> parse_tcp_socket(Bytes message);

enum class Which : std::uint8_t {
  // Every one, also those that only wait for their last packets to age.
  kAll,
  // Those whose ends have more to say to each other, half-open ones included.
  kOpen,
};

// Shows `each` the connections (no listeners) of both families; with a local
// port other than 0, only those from that port.
Result<void> list_tcp_sockets(Which which, std::uint16_t local_port,
                              const std::function<void(const TcpSocket&)>& each,
                              Deadline deadline);

// Ends them: the peer sees a reset, the holder ECONNABORTED. Those that are
// gone already count as ended. An error when this kernel cannot
// (CONFIG_INET_DIAG_DESTROY).
Result<void> reset_tcp_sockets(std::span<const TcpSocket> sockets,
                               Deadline deadline);

}  // namespace ginnel::firewall
