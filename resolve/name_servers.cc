// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/name_servers.h"

#include <net/if.h>

#include <algorithm>
#include <utility>

#include "names/messages.h"

namespace ginnel {
namespace {

constexpr std::size_t kMaxFile = 64 * 1024;
// After that it is tried again: name servers restart.
constexpr auto kSilence = std::chrono::seconds(30);
constexpr std::size_t kMaxSilent = 64;

}  // namespace

NameServers::NameServers(std::string path, std::uint16_t port)
    : file_(std::move(path), kMaxFile), port_(port) {}

const names::ResolvConf& NameServers::conf(TimePoint now) {
  const std::string& text = file_.text(now);
  if (std::exchange(version_, file_.version()) != file_.version()) {
    conf_ = names::parse_resolv_conf(text);
  }
  return conf_;
}

std::vector<NameServer> NameServers::own(TimePoint now) {
  std::vector<NameServer> servers;
  for (const auto& server : conf(now).servers) {
    if (servers.size() == names::kMaxServers) break;
    std::uint32_t zone =
        server.zone.empty() ? 0 : ::if_nametoindex(server.zone.c_str());
    servers.emplace_back(Endpoint(server.address, port_), zone);
  }
  if (servers.empty()) {
    servers.emplace_back(Endpoint(IpAddress::loopback(Family::kIpv4), port_));
  }
  return servers;
}

std::vector<NameServer> NameServers::in_order(std::vector<NameServer> servers,
                                              TimePoint now) const {
  if (silent_until_.empty()) return servers;
  std::stable_partition(
      servers.begin(), servers.end(), [&](const NameServer& server) {
        auto found = silent_until_.find(server);
        return found == silent_until_.end() || found->second <= now;
      });
  return servers;
}

void NameServers::was_silent(const NameServer& server, TimePoint now) {
  if (silent_until_.size() >= kMaxSilent) {
    std::erase_if(silent_until_,
                  [&](const auto& entry) { return entry.second <= now; });
  }
  if (silent_until_.size() < kMaxSilent || silent_until_.contains(server)) {
    silent_until_[server] = now + kSilence;
  }
}

void NameServers::has_answered(const NameServer& server) {
  silent_until_.erase(server);
}

}  // namespace ginnel
