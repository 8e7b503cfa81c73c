// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/original_destination.h"

// The kernel's header gives way to the C library's only when it comes second.
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/netfilter_ipv4.h>

namespace ginnel {
namespace {

// linux/netfilter_ipv6/ip6_tables.h, which does not compile as C++.
constexpr int kIp6OriginalDestination = 80;

std::optional<Endpoint> unmapped(const SocketAddress& address) {
  std::optional<Endpoint> endpoint = address.endpoint();
  if (endpoint) endpoint->address = endpoint->address.unmapped();
  return endpoint;
}

}  // namespace

std::optional<Endpoint> original_destination(int fd) {
  SocketAddress local;
  if (getsockname(fd, local.get(), &local.size) != 0) return std::nullopt;
  std::optional<Endpoint> listener = unmapped(local);
  if (!listener) return std::nullopt;
  SocketAddress original;
  bool v4 = listener->address.family() == Family::kIpv4;
  if (getsockopt(fd, v4 ? SOL_IP : SOL_IPV6,
                 v4 ? SO_ORIGINAL_DST : kIp6OriginalDestination, original.get(),
                 &original.size) != 0) {
    return std::nullopt;  // ENOENT: connection tracking does not know it
  }
  std::optional<Endpoint> target = unmapped(original);
  if (!target || *target == *listener) return std::nullopt;
  return target;
}

}  // namespace ginnel
