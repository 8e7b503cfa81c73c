// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "base/net_types.h"
#include "base/result.h"
#include "client/firewall_proxy.h"
#include "firewall/wire.h"

namespace ginnel {

// What is captured just now: what the user named, and what the far end has
// told of since. Each change is installed in one step, in which open
// connections live on.
class RuleKeeper {
 public:
  // Who adds rules while ginnel runs.
  enum class Part { kRoutes, kFarNames };
  static constexpr std::size_t kParts = 2;

  // `firewall` must outlive this; its filters and listeners are set already.
  // `fixed` are the user's, and always stay.
  RuleKeeper(FirewallProxy& firewall, std::vector<firewall::Rule> fixed)
      : firewall_(firewall), fixed_(std::move(fixed)) {}

  // Replace what was there before; in effect with the next install().
  void set(Part part, std::vector<firewall::Rule> rules);
  // False: it is what was there before.
  bool set_name_servers(std::vector<IpAddress> addresses);

  // Does nothing when nothing has changed since it last did its work. When it
  // fails, what was installed stays.
  Result<void> install();

  // Whether some connection to `address` is captured.
  bool captures(const IpAddress& address) const;

 private:
  Result<void> send_rules();

  FirewallProxy& firewall_;
  const std::vector<firewall::Rule> fixed_;
  std::array<std::vector<firewall::Rule>, kParts> parts_;
  std::vector<IpAddress> name_servers_;
  bool rules_changed_ = true;
  bool name_servers_changed_ = false;
};

}  // namespace ginnel
