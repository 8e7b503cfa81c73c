// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/seen_addresses.h"

#include <algorithm>

#include "client/discovery/far_name.h"

namespace ginnel {

bool SeenAddresses::see(const IpAddress& address, const PortRange& ports,
                        std::chrono::seconds lasts, TimePoint now) {
  auto [at, is_new] = seen_.try_emplace({address, ports});
  Times& times = at->second;
  times.last = now;
  lasts = std::min(lasts, FarName::kMost);
  times.until = std::max(times.until, now + lasts + kGrace);
  if (seen_.size() > kMax) forget_oldest();
  return is_new;
}

void SeenAddresses::forget_oldest() {
  seen_.erase(std::min_element(seen_.begin(), seen_.end(),
                               [](const auto& a, const auto& b) {
                                 return a.second.last < b.second.last;
                               }));
}

bool SeenAddresses::expire(TimePoint now) {
  return std::erase_if(seen_, [now](const auto& entry) {
           return entry.second.until <= now;
         }) > 0;
}

void SeenAddresses::add_rules(std::vector<firewall::Rule>& to) const {
  for (const auto& [key, times] : seen_) {
    to.push_back(rule_for(key.first, key.second));
  }
}

}  // namespace ginnel
