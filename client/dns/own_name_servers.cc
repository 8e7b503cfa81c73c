// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/dns/own_name_servers.h"

#include <net/if.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "client/options.h"
#include "names/resolv_conf.h"

namespace ginnel {
namespace {

constexpr std::size_t kMaxFile = 64 * 1024;

std::vector<IpAddress> servers_in(std::string_view text) {
  std::vector<IpAddress> servers;
  for (const auto& server : names::parse_resolv_conf(text).servers) {
    servers.push_back(server.address);
  }
  return servers;
}

// systemd-resolved's, and the one of it that splits nothing
// (systemd-resolved.service(8)).
bool is_stub_of_resolved(const IpAddress& address) {
  return address == *IpAddress::parse("127.0.0.53") ||
         address == *IpAddress::parse("127.0.0.54");
}

void add_each_once(std::vector<IpAddress>& to,
                   const std::vector<IpAddress>& servers) {
  for (const IpAddress& server : servers) {
    bool known = std::find(to.begin(), to.end(), server) != to.end();
    if (!known && to.size() < kMaxNameServers) to.push_back(server);
  }
}

}  // namespace

OwnNameServers::OwnNameServers(std::string resolv_conf, std::string upstream)
    : resolv_conf_(std::move(resolv_conf), kMaxFile),
      upstream_(std::move(upstream), kMaxFile) {}

std::vector<IpAddress> OwnNameServers::addresses(bool resolved_asks_us) {
  auto now = std::chrono::steady_clock::now();
  return captured_servers(servers_in(resolv_conf_.text(now)),
                          servers_in(upstream_.text(now)), resolved_asks_us);
}

unsigned OwnNameServers::zone_of(const IpAddress& server) {
  if (!server.is_link_local()) return 0;
  auto now = std::chrono::steady_clock::now();
  for (WatchedFile* file : {&resolv_conf_, &upstream_}) {
    for (const auto& one : names::parse_resolv_conf(file->text(now)).servers) {
      unsigned zone = one.zone.empty() ? 0 : ::if_nametoindex(one.zone.c_str());
      if (one.address == server && zone != 0) return zone;
    }
  }
  return 0;
}

std::vector<IpAddress> captured_servers(const std::vector<IpAddress>& named,
                                        const std::vector<IpAddress>& upstream,
                                        bool resolved_asks_us) {
  std::vector<IpAddress> result;
  add_each_once(result, named);
  if (result.empty()) {
    result = {IpAddress::loopback(Family::kIpv4),
              IpAddress::loopback(Family::kIpv6)};
  }
  if (resolved_asks_us && std::erase_if(result, is_stub_of_resolved) > 0) {
    return result;
  }
  bool stub = std::any_of(
      result.begin(), result.end(),
      [](const IpAddress& address) { return address.is_loopback(); });
  if (stub) add_each_once(result, upstream);
  return result;
}

}  // namespace ginnel
