// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/rule_keeper.h"

#include <algorithm>
#include <utility>

namespace ginnel {

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
  if (!rules_changed_ && !name_servers_changed_) return {};
  if (rules_changed_) {
    if (auto sent = send_rules(); !sent) return sent;
  }
  if (name_servers_changed_) {
    if (auto sent = firewall_.set_name_servers(name_servers_); !sent) {
      return sent;
    }
  }
  if (auto installed = firewall_.install(); !installed) return installed;
  rules_changed_ = name_servers_changed_ = false;
  return {};
}

Result<void> RuleKeeper::send_rules() {
  std::vector<firewall::Rule> all = fixed_;
  for (const auto& part : parts_) {
    all.insert(all.end(), part.begin(), part.end());
  }
  if (auto cleared = firewall_.clear_rules(); !cleared) return cleared;
  return firewall_.add_rules(all);
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
    for (const firewall::Rule& rule : part) look_at(rule);
  }
  return included;
}

}  // namespace ginnel
