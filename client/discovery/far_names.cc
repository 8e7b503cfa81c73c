// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/far_names.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "client/dns/far_request.h"
#include "names/dns_message.h"
#include "names/host_address.h"

namespace ginnel {
namespace {

bool has(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) !=
         addresses.end();
}

}  // namespace

FarNames::FarNames(const asio::any_io_executor& executor, mux::Session& session,
                   const std::vector<SubnetSpec>& names, bool ipv6,
                   Changed changed, OwnAddresses own)
    : executor_(executor),
      session_(session),
      ipv6_(ipv6),
      changed_(std::move(changed)),
      own_(std::move(own)),
      answered_(executor) {
  for (const SubnetSpec& spec : names) {
    if (!spec.wildcard) {
      followed_.emplace_back(spec, ipv6, executor, *this);
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
  if (name.addresses() != followed.captured) change_soon();
  if (std::exchange(followed.answered, true)) return;
  if (--unanswered_ == 0) answered_.is_there();
}

void FarNames::log_changes(Followed& followed) {
  const SubnetSpec& spec = followed.name.spec();
  const std::vector<IpAddress>& now = followed.name.addresses();
  for (const IpAddress& address : now) {
    if (!has(followed.captured, address)) {
      log::info("captured: ", spec, ", which is ", address);
    }
  }
  for (const IpAddress& address : followed.captured) {
    if (!has(now, address)) {
      log::info("no longer captured: ", spec, ", which was ", address);
    }
  }
  followed.captured = now;
}

void FarNames::answered(Bytes query, Bytes answer) {
  if (wildcards_.empty() || !open_) return;
  auto question = dns::read_question(query);
  if (!question) return;
  bool changed = false;
  for (const SubnetSpec& wildcard : wildcards_) {
    if (is_below(question->name, wildcard.name))
      changed |= see(wildcard, answer);
  }
  if (changed) apply();
}

bool FarNames::see(const SubnetSpec& wildcard, Bytes answer) {
  bool changed = false;
  auto found = dns::addresses(answer);
  for (const IpAddress& address : found.addresses) {
    bool wanted = ipv6_ || address.family() == Family::kIpv4;
    if (!wanted || !names::is_host_address(address)) continue;
    auto now = std::chrono::steady_clock::now();
    if (seen_.empty()) sweep_->set_in(kSweep);
    if (!seen_.see(address, wildcard.ports, found.lasts, now)) continue;
    log::debug("captured: ", wildcard, ", of which one is ", address);
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
  std::vector<firewall::Rule> rules;
  for (const Followed& followed : followed_) {
    for (const IpAddress& address : followed.name.addresses()) {
      rules.push_back(rule_for(address, followed.name.spec().ports));
    }
  }
  seen_.add_rules(rules);
  std::vector<OwnAddress> own = own_();
  std::erase_if(rules, [&](const firewall::Rule& rule) {
    return std::any_of(own.begin(), own.end(), [&](const OwnAddress& one) {
      return one.address == rule.prefix.first();
    });
  });
  std::sort(rules.begin(), rules.end());
  rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
  changed_(std::move(rules));
  for (Followed& followed : followed_) log_changes(followed);
}

bool is_below(std::string_view name, std::string_view domain) {
  if (!name.ends_with(domain)) return false;
  name.remove_suffix(domain.size());
  return name.size() > 1 && name.ends_with('.');
}

}  // namespace ginnel
