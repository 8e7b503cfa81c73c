// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/far_names.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "client/discovery/route_filter.h"
#include "client/dns/far_request.h"
#include "names/dns_message.h"
#include "names/host_address.h"

namespace ginnel {
namespace {

bool has(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) !=
         addresses.end();
}

bool is_own(const IpAddress& address, const std::vector<OwnAddress>& own) {
  return std::any_of(own.begin(), own.end(), [&](const OwnAddress& one) {
    return one.address == address;
  });
}

bool overlap(const PortRange& a, const PortRange& b) {
  return a.first <= b.last && b.first <= a.last;
}

// Says `words` of each of `now` that is not in `before`.
void log_new(std::string_view words, const SubnetSpec& spec,
             std::string_view verb, const std::vector<IpAddress>& now,
             const std::vector<IpAddress>& before,
             std::string_view reason = {}) {
  for (const IpAddress& address : now) {
    if (has(before, address)) continue;
    log::info(words, ": ", spec, ", which ", verb, ' ', address, reason);
  }
}

}  // namespace

FarNames::FarNames(const asio::any_io_executor& executor, mux::Session& session,
                   const std::vector<SubnetSpec>& names, Limits limits,
                   Changed changed, OwnAddresses own)
    : executor_(executor),
      session_(session),
      limits_(std::move(limits)),
      changed_(std::move(changed)),
      own_(std::move(own)),
      answered_(executor) {
  for (const SubnetSpec& spec : names) {
    if (!spec.wildcard) {
      followed_.emplace_back(spec, limits_.ipv6, executor, *this);
      continue;
    }
    wildcards_.push_back(spec);
    std::string& name = wildcards_.back().name;
    name = dns::lower_case(name);
    if (name.ends_with('.')) name.pop_back();
  }
  change_.emplace(executor, [this] { apply(); });
  sweep_.emplace(executor, [this] { sweep(); });
}

void FarNames::start() {
  answered_.expect_within(kPatience);
  unanswered_ = followed_.size();
  if (unanswered_ == 0) answered_.is_there();
  for (Followed& followed : followed_) ask(followed);
}

awaitable<void> FarNames::wait() {
  bool in_time = co_await answered_.wait();
  if (!in_time) {
    log::warning("the far end has not answered yet where ", unanswered_,
                 " names are; they are captured when it does");
  }
  if (!applied_) apply();
}

void FarNames::close() {
  open_.reset();
  change_.reset();
  sweep_.reset();
  followed_.clear();
}

void FarNames::ask(Followed& followed) {
  auto answered = [this, &followed, open = std::weak_ptr(open_)](
                      std::optional<names::Addresses> answer) {
    if (!open.expired()) told(followed, answer);
  };
  if (!FarAddresses::send(session_, mux::Service::kAddresses,
                          names::encode_name(followed.name.spec().name),
                          std::move(answered))) {
    told(followed, std::nullopt);
  }
}

void FarNames::told(Followed& followed,
                    const std::optional<names::Addresses>& answer) {
  FarName& name = followed.name;
  followed.again.set_in(name.take(answer));
  if (std::string news = name.take_news(); !news.empty()) {
    log::write(name.is_found() ? log::Level::kInfo : log::Level::kWarning,
               news);
  }
  if (name.addresses() != followed.applied) change_soon();
  if (std::exchange(followed.answered, true)) return;
  if (--unanswered_ == 0) answered_.is_there();
}

void FarNames::answered(Bytes query, Bytes answer) {
  if (wildcards_.empty() || !open_) return;
  auto question = dns::read_question(query);
  if (!question) return;
  bool changed = false;
  for (const SubnetSpec& wildcard : wildcards_) {
    if (dns::is_below(question->name, wildcard.name))
      changed |= see(wildcard, answer);
  }
  if (changed) apply();
}

bool FarNames::see(const SubnetSpec& wildcard, Bytes answer) {
  bool changed = false;
  auto found = dns::addresses(answer);
  for (const IpAddress& address : found.addresses) {
    bool wanted = limits_.ipv6 || address.family() == Family::kIpv4;
    if (!wanted || !names::is_host_address(address)) continue;
    auto now = std::chrono::steady_clock::now();
    if (seen_.empty()) sweep_->set_in(kSweep);
    if (!seen_.see(address, wildcard.ports, found.lasts, now)) continue;
    log::debug("below ", wildcard, " is ", address);
    changed = true;
  }
  return changed;
}

void FarNames::sweep() {
  if (seen_.expire(std::chrono::steady_clock::now())) change_soon();
  if (!seen_.empty()) sweep_->set_in(kSweep);
}

void FarNames::change_soon() {
  if (!applied_ || std::exchange(change_pending_, true)) return;
  change_->set_in(kPause);
}

void FarNames::apply() {
  change_pending_ = false;
  applied_ = true;
  std::vector<OwnAddress> own = own_();
  std::vector<firewall::Rule> rules;
  for (Followed& followed : followed_) capture(followed, own, rules);
  capture_seen(own, rules);
  std::sort(rules.begin(), rules.end());
  rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
  if (changed_(std::move(rules))) in_effect();
}

void FarNames::in_effect() {
  for (Followed& followed : followed_) {
    const SubnetSpec& spec = followed.name.spec();
    const auto& [captured, excluded] = followed.now;
    const auto& before = followed.logged;
    log_new("captured", spec, "is", captured, before.captured);
    log_new("no longer captured", spec, "was", before.captured, captured);
    log_new("not captured", spec, "is", excluded, before.excluded,
            ": -x or -X excludes it");
    followed.logged = followed.now;
  }
}

void FarNames::capture(Followed& followed, const std::vector<OwnAddress>& own,
                       std::vector<firewall::Rule>& to) {
  const SubnetSpec& spec = followed.name.spec();
  followed.applied = followed.name.addresses();
  followed.now = {};
  for (const IpAddress& address : followed.applied) {
    if (is_own(address, own)) continue;
    firewall::Rule rule = rule_for(address, spec.ports);
    bool leave = is_excluded(rule);
    auto& [captured, excluded] = followed.now;
    (leave ? excluded : captured).push_back(address);
    if (!leave) to.push_back(rule);
  }
}

// Of this machine's networks nobody said that a part is to be captured.
void FarNames::capture_seen(const std::vector<OwnAddress>& own,
                            std::vector<firewall::Rule>& to) const {
  std::vector<Prefix> networks;
  for (const OwnAddress& one : own) networks.push_back(one.network);
  networks = own_left_alone(networks, limits_.includes);
  std::vector<firewall::Rule> seen;
  seen_.add_rules(seen);
  for (const firewall::Rule& rule : seen) {
    bool leave = is_own(rule.prefix.first(), own) || is_excluded(rule) ||
                 is_within_any(rule.prefix, networks);
    if (!leave) to.push_back(rule);
  }
}

bool FarNames::is_excluded(const firewall::Rule& rule) const {
  return std::any_of(limits_.excludes.begin(), limits_.excludes.end(),
                     [&](const firewall::Rule& exclude) {
                       return exclude.prefix.contains(rule.prefix.first()) &&
                              overlap(exclude.ports, rule.ports) &&
                              exclude.ports.count() >= rule.ports.count();
                     });
}

}  // namespace ginnel
