// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/own_networks.h"

#include <ifaddrs.h>
#include <net/if.h>

#include <bit>
#include <cstring>
#include <memory>
#include <optional>

namespace ginnel {
namespace {

std::optional<IpAddress> ip_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  SocketAddress copy;
  if (address->sa_family == AF_INET) {
    std::memcpy(&copy.storage, address, sizeof(sockaddr_in));
  } else if (address->sa_family == AF_INET6) {
    std::memcpy(&copy.storage, address, sizeof(sockaddr_in6));
  }
  auto endpoint = copy.endpoint();
  if (!endpoint) return std::nullopt;
  return endpoint->address;
}

int bits_set(const IpAddress& mask) {
  int count = 0;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    count += std::popcount(mask.data()[i]);
  }
  return count;
}

}  // namespace

std::vector<OwnAddress> own_addresses() {
  std::vector<OwnAddress> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, ::freeifaddrs);
  for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
    auto address = ip_of(entry->ifa_addr);
    auto mask = ip_of(entry->ifa_netmask);
    if (!address || !mask || !(entry->ifa_flags & IFF_UP)) continue;
    if (address->is_loopback() || address->is_link_local()) continue;
    found.emplace_back(*address, bits_set(*mask));
  }
  return found;
}

}  // namespace ginnel
