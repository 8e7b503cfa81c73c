// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/rule_keeper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace ginnel {

RuleKeeper::RuleKeeper(FirewallProxy& firewall,
                       std::vector<firewall::Rule> fixed)
    : RuleKeeper(Firewall{[&firewall](std::span<const firewall::Rule> rules) {
                            auto cleared = firewall.clear_rules();
                            return cleared ? firewall.add_rules(rules)
                                           : cleared;
                          },
                          [&firewall](std::span<const IpAddress> addresses) {
                            return firewall.set_name_servers(addresses);
                          },
                          [&firewall] { return firewall.install(); }},
                 std::move(fixed)) {}

void RuleKeeper::set_families(bool ipv4, bool ipv6) {
  ipv4_ = ipv4;
  ipv6_ = ipv6;
}

void RuleKeeper::set(Part part, std::vector<firewall::Rule> rules) {
  auto& kept = parts_[static_cast<std::size_t>(part)];
  if (kept == rules) return;
  kept = std::move(rules);
  rules_changed_ = true;
}

bool RuleKeeper::set_name_servers(std::vector<IpAddress> addresses) {
  if (name_servers_ == addresses) return false;
  name_servers_ = std::move(addresses);
  name_servers_changed_ = true;
  return true;
}

Result<void> RuleKeeper::install() {
  if (!is_installed_) return install_first();
  if (!rules_changed_ && !name_servers_changed_) return {};
  return install_all();
}

// The firewall takes rules that do nothing, at first, for a mistake of the
// user's.
Result<void> RuleKeeper::install_first() {
  auto installed = install_all();
  auto parts = std::move(parts_);
  parts_ = {};
  bool others = parts != parts_;
  if (!installed && others) {
    rules_changed_ = true;
    Error why = installed.error();
    installed = install_all();
    rules_changed_ = true;
    if (installed) {
      log::warning("what the far end has told is not captured yet: ",
                   why.message());
    }
  }
  parts_ = std::move(parts);
  is_installed_ = installed.has_value();
  return installed;
}

Result<void> RuleKeeper::install_all() {
  if (rules_changed_) {
    if (fixed_.size() > firewall::kMaxRules) {
      return Error(concat("there are more than ", firewall::kMaxRules,
                          " subnets; name larger ones"));
    }
    std::vector<firewall::Rule> all = fixed_;
    std::vector<firewall::Rule> others = told();
    all.insert(all.end(), others.begin(), others.end());
    if (auto sent = firewall_.replace_rules(all); !sent) return sent;
  }
  if (name_servers_changed_) {
    auto sent = firewall_.set_name_servers(name_servers_);
    if (!sent) return sent;
  }
  if (auto installed = firewall_.install(); !installed) return installed;
  rules_changed_ = name_servers_changed_ = false;
  return {};
}

// What the far end has told, as far as it can be captured.
std::vector<firewall::Rule> RuleKeeper::told() {
  std::vector<firewall::Rule> rules;
  std::size_t without = 0, beyond = 0;
  std::size_t room = firewall::kMaxRules - fixed_.size();
  for (const auto& part : parts_) {
    for (const firewall::Rule& rule : part) {
      if (!has_listener(rule)) {
        ++without;
      } else if (rules.size() >= room) {
        ++beyond;
      } else {
        rules.push_back(rule);
      }
    }
  }
  warn(warned_of_listeners_, without, "no listener is of their IP version");
  warn(warned_of_many_, beyond, "there are too many networks in all");
  return rules;
}

void RuleKeeper::warn(bool& warned, std::size_t left_out,
                      std::string_view why) {
  if (left_out == 0 || std::exchange(warned, true)) return;
  log::warning("of what the far end has told, ", left_out,
               " addresses or networks are not captured: ", why);
}

bool RuleKeeper::has_listener(const firewall::Rule& rule) const {
  return rule.prefix.family() == Family::kIpv4 ? ipv4_ : ipv6_;
}

bool RuleKeeper::captures(const IpAddress& address) const {
  // Of all ports together: the longest prefix says, an exclude of all ports
  // before an include (plan.h has the whole order).
  int best = -1;
  bool included = false;
  auto look_at = [&](const firewall::Rule& rule) {
    if (!rule.prefix.contains(address)) return;
    bool include = rule.action == firewall::Action::kInclude;
    if (!include && !rule.ports.all()) return;
    if (rule.prefix.length() < best) return;
    included = include && (rule.prefix.length() > best || included);
    best = rule.prefix.length();
  };
  for (const firewall::Rule& rule : fixed_) look_at(rule);
  for (const auto& part : parts_) {
    for (const firewall::Rule& rule : part) {
      if (has_listener(rule)) look_at(rule);
    }
  }
  return included;
}

}  // namespace ginnel
