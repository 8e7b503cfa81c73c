// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/host_names.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "client/discovery/log_some.h"
#include "names/dns_name.h"
#include "names/host_name.h"
#include "resolve/resolver.h"

namespace ginnel {
namespace {

std::string own_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return dns::lower_case(name);
}

std::vector<KnownHost> missing_in(const std::vector<KnownHost>& of,
                                  const std::vector<KnownHost>& in) {
  std::vector<KnownHost> result;
  std::set_difference(of.begin(), of.end(), in.begin(), in.end(),
                      std::back_inserter(result));
  return result;
}

}  // namespace

HostNames::HostNames(const asio::any_io_executor& executor,
                     mux::Session& session, std::vector<std::string> seeds,
                     Hooks hooks)
    : executor_(executor),
      session_(session),
      hooks_(std::move(hooks)),
      local_(executor,
             [this](const std::string& name, bool known_here) {
               table_.judge(name, known_here, std::chrono::steady_clock::now());
               if (!known_here) return change_soon();
               log::debug(
                   "not taken from the far end, since it is known here: ",
                   name);
             }),
      table_(own_name()) {
  seeds_.names = std::move(seeds);
  change_.emplace(executor, [this] { apply(); });
}

void HostNames::start() {
  auto ended = [] {
    log::warning("the far end tells of no more host names; those found stay");
  };
  records_ = FarRecords<names::NameRecord>::open(
      executor_, session_, mux::Service::kNames, names::encode(seeds_),
      [this](const names::NameRecord& record) { told(record); }, ended);
  if (!records_) ended();
}

void HostNames::close() {
  if (records_) records_->close();
  local_.close();
  change_.reset();
}

void HostNames::told(const names::NameRecord& record) {
  auto now = std::chrono::steady_clock::now();
  if (record.gone) {
    table_.remove(record, now);
    return change_soon();
  }
  switch (table_.add(record, now)) {
    case HostTable::Added::kKnown:
      return change_soon();
    case HostTable::Added::kUnjudged:
      return local_.ask(record.name);
    case HostTable::Added::kFull:
      if (std::exchange(full_, true)) return;
      log::warning("the far end tells of more than ", names::kMaxFoundNames,
                   " host names; the others are left out");
  }
}

void HostNames::rules_changed() {
  captured_.clear();
  change_soon();
}

bool HostNames::is_captured(const IpAddress& address) {
  auto [at, is_new] = captured_.try_emplace(address);
  if (is_new) at->second = hooks_.captured(address);
  return at->second;
}

void HostNames::change_soon() {
  if (!change_ || std::exchange(change_pending_, true)) return;
  auto soon = std::chrono::steady_clock::now() + kPause;
  change_->set(std::max(soon, next_change_));
}

void HostNames::apply() {
  change_pending_ = false;
  next_change_ = std::chrono::steady_clock::now() + kInterval;
  if (captured_.size() > names::kMaxFoundNames) captured_.clear();
  std::vector<KnownHost> next = table_.hosts(
      [this](const IpAddress& address) { return is_captured(address); });
  if (next == hosts_ && failure_.empty()) return;
  log_changes(next);
  hosts_ = std::move(next);
  answers_ = HostAnswers(hosts_);
  if (hooks_.publish) publish();
}

void HostNames::publish() {
  std::vector<firewall::Host> lines;
  for (const KnownHost& host : hosts_) {
    lines.emplace_back(host.address, host.name);
  }
  auto done = hooks_.publish(lines);
  std::string failure = done ? "" : done.error().message();
  if (!failure.empty()) {
    next_change_ = std::chrono::steady_clock::now() + kRetry;
    change_soon();
  }
  if (failure == std::exchange(failure_, failure) || failure.empty()) return;
  log::warning("the hosts file is not as it should be: ", failure,
               "; it is tried again");
}

void HostNames::log_changes(const std::vector<KnownHost>& next) const {
  auto text = [](std::string_view verb) {
    return [verb](const KnownHost& host) {
      return concat(host.name, ' ', verb, ' ', host.address, ", by ",
                    names::to_string(host.source));
    };
  };
  log_some("found: ", missing_in(next, hosts_), text("is"));
  log_some("gone: ", missing_in(hosts_, next), text("was"));
}

std::optional<std::vector<std::byte>> HostNames::known(Bytes query) const {
  auto& servers = Resolver::of(executor_).servers();
  const auto& conf = servers.conf(std::chrono::steady_clock::now());
  return answers_.answer(query, conf.search);
}

}  // namespace ginnel
