// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "base/net_types.h"
#include "firewall/wire.h"

namespace ginnel {

// The addresses of names below a far:*.NAME, as answers to look-ups have told
// them. Pure.
class SeenAddresses {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Beyond that, the one seen longest ago goes.
  static constexpr std::size_t kMax = 4096;
  // Longer than an answer counts: somebody may have asked at its end, and is
  // about to connect.
  static constexpr std::chrono::seconds kGrace{60};

  // An answer of `now` that counts for `lasts`, or FarName::kMost, has this
  // address, of which these ports are captured. True when it was not known.
  bool see(const IpAddress& address, const PortRange& ports,
           std::chrono::seconds lasts, TimePoint now);
  // Forgets what no longer counts; true when there was something.
  bool expire(TimePoint now);

  bool empty() const { return seen_.empty(); }
  void add_rules(std::vector<firewall::Rule>& to) const;

 private:
  struct Times {
    TimePoint last, until;
  };
  void forget_oldest();

  std::map<std::pair<IpAddress, PortRange>, Times> seen_;
};

// What captures one address.
inline firewall::Rule rule_for(const IpAddress& address,
                               const PortRange& ports) {
  return firewall::Rule(Prefix(address, address.bits()), ports,
                        firewall::Action::kInclude);
}

}  // namespace ginnel
