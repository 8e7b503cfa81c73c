// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/dns/own_name_servers.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "client/options.h"
#include "names/resolv_conf.h"

namespace ginnel {
namespace {

constexpr std::size_t kMaxFile = 64 * 1024;

void add_servers(std::vector<IpAddress>& to, std::string_view text) {
  for (const auto& server : names::parse_resolv_conf(text).servers) {
    bool known = std::find(to.begin(), to.end(), server.address) != to.end();
    if (!known && to.size() < kMaxNameServers) to.push_back(server.address);
  }
}

}  // namespace

OwnNameServers::OwnNameServers(std::string resolv_conf, std::string upstream)
    : resolv_conf_(std::move(resolv_conf), kMaxFile),
      upstream_(std::move(upstream), kMaxFile) {}

std::vector<IpAddress> OwnNameServers::addresses() {
  auto now = std::chrono::steady_clock::now();
  std::vector<IpAddress> result;
  add_servers(result, resolv_conf_.text(now));
  if (result.empty()) {
    result = {IpAddress::loopback(Family::kIpv4),
              IpAddress::loopback(Family::kIpv6)};
  }
  bool stub = std::any_of(
      result.begin(), result.end(),
      [](const IpAddress& address) { return address.is_loopback(); });
  if (stub) add_servers(result, upstream_.text(now));
  return result;
}

}  // namespace ginnel
