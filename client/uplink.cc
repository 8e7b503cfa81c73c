// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/uplink.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "base/unique_fd.h"

namespace ginnel {
namespace {

// The address that packets to `peer` leave with. Connecting a UDP socket asks
// the kernel's routes and sends nothing.
std::optional<IpAddress> source_towards(const Endpoint& peer) {
  SocketAddress remote(peer);
  UniqueFd fd(
      ::socket(peer.address.address_family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  SocketAddress local;
  if (!fd || ::connect(fd.get(), remote.get(), remote.size) != 0 ||
      getsockname(fd.get(), local.get(), &local.size) != 0) {
    return std::nullopt;
  }
  std::optional<Endpoint> endpoint = local.endpoint();
  if (!endpoint) return std::nullopt;
  return endpoint->address;
}

std::optional<IpAddress> address_of(const ifaddrs& entry) {
  if (!entry.ifa_addr) return std::nullopt;
  SocketAddress address;
  int family = entry.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  std::memcpy(&address.storage, entry.ifa_addr,
              family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  return address.endpoint()->address;
}

}  // namespace

std::optional<std::string> uplink_to(const Endpoint& peer) {
  std::optional<IpAddress> source = source_towards(peer);
  ifaddrs* all = nullptr;
  if (!source || getifaddrs(&all) != 0) return std::nullopt;
  std::optional<std::string> name;
  for (ifaddrs* entry = all; entry && !name; entry = entry->ifa_next) {
    if (address_of(*entry) != source) continue;
    // IPv4 addresses may have a label, "eth0:1". An address on the loopback
    // interface says nothing about the way.
    std::string label = entry->ifa_name;
    if (!(entry->ifa_flags & IFF_LOOPBACK) || peer.address.is_loopback()) {
      name = label.substr(0, label.find(':'));
    }
  }
  freeifaddrs(all);
  return name;
}

}  // namespace ginnel
