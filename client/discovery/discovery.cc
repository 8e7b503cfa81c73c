// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/discovery.h"

#include <utility>

namespace ginnel {
namespace {

RouteLimits route_limits(const Options& options, const Capture& capture) {
  RouteLimits limits;
  limits.all = options.auto_nets == AutoNets::kAll;
  limits.ipv6 = options.ipv6;
  for (const SubnetRule& rule : capture.rules) {
    if (rule.include) {
      limits.includes.push_back(rule.prefix);
    } else if (rule.ports.all()) {
      limits.excludes.push_back(rule.prefix);
    }
  }
  return limits;
}

FarNames::Limits name_limits(const Options& options, const Capture& capture) {
  FarNames::Limits limits;
  limits.ipv6 = options.ipv6;
  for (const SubnetRule& rule : capture.rules) {
    if (rule.include) {
      limits.includes.push_back(rule.prefix);
    } else {
      limits.excludes.emplace_back(rule.prefix, rule.ports,
                                   firewall::Action::kExclude);
    }
  }
  return limits;
}

}  // namespace

Discovery::Discovery(const asio::any_io_executor& executor,
                     const Options& options, const Capture& capture,
                     FirewallProxy& firewall, RuleKeeper& rules,
                     mux::Session& session)
    : rules_(rules), installer_(executor, rules, [this] { in_effect(); }) {
  using Rules = std::vector<firewall::Rule>;
  using Part = RuleKeeper::Part;
  if (options.auto_nets != AutoNets::kNo) {
    nets_.emplace(
        executor, session, route_limits(options, capture),
        [this](Rules found) { return set(Part::kRoutes, std::move(found)); });
  }
  if (!capture.far_names.empty()) {
    names_.emplace(
        executor, session, capture.far_names, name_limits(options, capture),
        [this](Rules found) { return set(Part::kFarNames, std::move(found)); });
  }
  if (!options.auto_hosts) return;
  HostNames::Hooks hooks;
  hooks.captured = [this](const IpAddress& address) {
    return rules_.captures(address);
  };
  // Look-ups that go elsewhere do not come here.
  if (!options.dns || !options.dns_domains.empty()) {
    hooks.publish = [&firewall](const std::vector<firewall::Host>& hosts) {
      return firewall.set_hosts(hosts);
    };
  }
  hosts_.emplace(executor, session, options.seed_hosts, std::move(hooks));
}

void Discovery::start() {
  if (nets_) nets_->start();
  if (names_) names_->start();
}

awaitable<void> Discovery::wait() {
  if (nets_) co_await nets_->wait();
  if (names_) co_await names_->wait();
}

void Discovery::installed() {
  installed_ = true;
  if (installer_.install()) in_effect();
  if (hosts_) hosts_->start();
}

void Discovery::close() {
  installer_.close();
  if (nets_) nets_->close();
  if (names_) names_->close();
  if (hosts_) hosts_->close();
}

LookUps::Hooks Discovery::hooks() {
  LookUps::Hooks hooks;
  if (hosts_) {
    hooks.known = [this](Bytes query) { return hosts_->known(query); };
  }
  if (names_) {
    hooks.answered = [this](Bytes query, Bytes answer) {
      names_->answered(query, answer);
    };
  }
  return hooks;
}

bool Discovery::set(RuleKeeper::Part part, std::vector<firewall::Rule> rules) {
  rules_.set(part, std::move(rules));
  bool done = installed_ && installer_.install();
  if (done && hosts_) hosts_->rules_changed();
  return done;
}

void Discovery::in_effect() {
  if (nets_) nets_->in_effect();
  if (names_) names_->in_effect();
  if (hosts_) hosts_->rules_changed();
}

}  // namespace ginnel
