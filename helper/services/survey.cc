// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/services/survey.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "base/log.h"
#include "base/unique_fd.h"
#include "helper/services/netlink_socket.h"
#include "names/host_address.h"
#include "names/proc_net_tcp.h"
#include "resolve/links.h"

namespace ginnel {
namespace {

// The beginning of a file of /proc, which has no size before it is read.
std::string read_table(const char* path, std::size_t limit) {
  UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  std::string text;
  char part[16 * 1024];
  ssize_t size = 1;
  while (fd && size > 0 && text.size() < limit) {
    size = ::read(fd.get(), part, sizeof part);
    if (size > 0) text.append(part, static_cast<std::size_t>(size));
  }
  return text;
}

void add_peers(const char* path, std::vector<IpAddress>& found) {
  std::string text = read_table(path, Survey::kMaxTable);
  auto peers = names::connected_peers(text, Survey::kMaxHosts);
  found.insert(found.end(), peers.begin(), peers.end());
}

}  // namespace

awaitable<Survey::Due> Survey::take() {
  std::vector<IpAddress> neighbours, others;
  co_await read_neighbours(Family::kIpv4, neighbours);
  co_await read_neighbours(Family::kIpv6, neighbours);
  for (const Link& link : links()) {
    for (const auto& address : link.addresses) others.push_back(address.own);
  }
  add_peers("/proc/self/net/tcp", others);
  add_peers("/proc/self/net/tcp6", others);
  TimePoint now = std::chrono::steady_clock::now();
  std::erase_if(seen_, [&](const auto& item) { return item.second <= now; });
  Due due;
  due.neighbours = this->due(neighbours, now);
  due.others = this->due(others, now);
  co_return due;
}

awaitable<void> Survey::read_neighbours(Family family,
                                        std::vector<IpAddress>& found) {
  std::function<void(const netlink::Message&)> each =
      [&found](const netlink::Message& message) {
        auto neighbour = netlink::parse_neighbour(message);
        if (neighbour && found.size() < kMaxHosts) {
          found.push_back(neighbour->address);
        }
      };
  std::vector<std::byte> request =
      netlink::neighbour_request(family, kDumpSequence);
  auto dump =
      co_await netlink_dump(executor_, std::move(request), std::move(each));
  if (!dump) log::debug("neighbours: ", dump.error().message());
}

std::vector<IpAddress> Survey::due(const std::vector<IpAddress>& found,
                                   TimePoint now) {
  std::vector<IpAddress> due;
  for (const IpAddress& address : found) {
    if (!names::is_host_address(address) || seen_.size() >= kMaxHosts) continue;
    if (seen_.emplace(address, now + kAgain).second) due.push_back(address);
  }
  return due;
}

}  // namespace ginnel
