// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
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

  // What is asked of the firewall; a test gives its own.
  struct Firewall {
    std::function<Result<void>(std::span<const firewall::Rule>)> replace_rules;
    std::function<Result<void>(std::span<const IpAddress>)> set_name_servers;
    std::function<Result<void>()> install;
  };

  // `fixed` are the user's, and always stay.
  RuleKeeper(Firewall firewall, std::vector<firewall::Rule> fixed)
      : firewall_(std::move(firewall)), fixed_(std::move(fixed)) {}
  // `firewall` must outlive this; its filters and listeners are set already
  // when install() is called.
  RuleKeeper(FirewallProxy& firewall, std::vector<firewall::Rule> fixed);

  // Where captured connections arrive: the far end's rules of another family
  // are left out. Without this, none are.
  void set_families(bool ipv4, bool ipv6);

  // Replace what was there before; in effect with the next install().
  void set(Part part, std::vector<firewall::Rule> rules);
  // False: it is what was there before.
  bool set_name_servers(std::vector<IpAddress> addresses);

  // Does nothing when nothing has changed since it last did its work. When it
  // fails, what was installed stays. What the far end has told does not make
  // the first one fail: it is left to the next then, with a warning.
  Result<void> install();

  // Whether some connection to `address` is captured.
  bool captures(const IpAddress& address) const;

 private:
  Result<void> install_all();
  Result<void> install_first();
  std::vector<firewall::Rule> told();
  static void warn(bool& warned, std::size_t left_out, std::string_view why);
  bool has_listener(const firewall::Rule& rule) const;

  Firewall firewall_;
  const std::vector<firewall::Rule> fixed_;
  std::array<std::vector<firewall::Rule>, kParts> parts_;
  bool ipv4_ = true, ipv6_ = true;
  std::vector<IpAddress> name_servers_;
  bool is_installed_ = false;
  bool rules_changed_ = true;
  bool name_servers_changed_ = false;
  bool warned_of_listeners_ = false, warned_of_many_ = false;
};

}  // namespace ginnel
