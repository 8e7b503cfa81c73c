// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/links.h"

#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>

#include "names/host_address.h"

namespace ginnel {
namespace {

std::optional<IpAddress> ip_of(const sockaddr* address) {
  if (!address) return {};
  auto family = address->sa_family;
  if (family != AF_INET && family != AF_INET6) return {};
  SocketAddress copy;
  std::memcpy(&copy.storage, address,
              family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  auto endpoint = copy.endpoint();
  if (!endpoint) return {};
  return endpoint->address;
}

int bits_set(const IpAddress& mask) {
  int count = 0;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    count += std::popcount(mask.data()[i]);
  }
  return count;
}

bool hears_multicast(unsigned flags) {
  constexpr unsigned kWanted = IFF_UP | IFF_MULTICAST;
  return (flags & kWanted) == kWanted &&
         !(flags & (IFF_LOOPBACK | IFF_POINTOPOINT));
}

void add(std::vector<Link>& links, const ifaddrs& entry) {
  auto own = ip_of(entry.ifa_addr);
  auto mask = ip_of(entry.ifa_netmask);
  if (!own || !mask || !hears_multicast(entry.ifa_flags)) return;
  unsigned index = ::if_nametoindex(entry.ifa_name);
  auto link = std::find_if(links.begin(), links.end(), [&](const Link& known) {
    return known.index == index;
  });
  if (link == links.end()) {
    link = links.emplace(links.end());
    link->name = entry.ifa_name;
    link->index = index;
  }
  Link::Address address;
  address.own = *own;
  address.network = Prefix(*own, bits_set(*mask));
  if (own->family() == Family::kIpv4 && (entry.ifa_flags & IFF_BROADCAST)) {
    address.broadcast = ip_of(entry.ifa_broadaddr).value_or(IpAddress());
  }
  link->addresses.push_back(address);
}

bool means_nothing_beyond(const Link& link) {
  return std::none_of(link.addresses.begin(), link.addresses.end(),
                      [](const Link::Address& address) {
                        return names::is_host_address(address.own);
                      });
}

}  // namespace

bool Link::has(Family family) const {
  return std::any_of(
      addresses.begin(), addresses.end(),
      [&](const Address& address) { return address.own.family() == family; });
}

bool Link::is_local(const IpAddress& address) const {
  if (address.family() == Family::kIpv6 && address.is_link_local()) return true;
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const Address& own) {
                       return own.network.family() == address.family() &&
                              own.network.contains(address);
                     });
}

std::vector<Link> links() {
  std::vector<Link> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, ::freeifaddrs);
  for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
    add(found, *entry);
  }
  std::erase_if(found, means_nothing_beyond);
  if (found.size() > Link::kMaxLinks) found.resize(Link::kMaxLinks);
  return found;
}

const Link* find_link(const std::vector<Link>& links, unsigned index) {
  auto link = std::find_if(
      links.begin(), links.end(),
      [&](const Link& candidate) { return candidate.index == index; });
  return link == links.end() ? nullptr : &*link;
}

}  // namespace ginnel
