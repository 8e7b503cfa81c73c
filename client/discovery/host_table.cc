// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/host_table.h"

#include <algorithm>
#include <iterator>

#include "names/dns_name.h"
#include "names/host_address.h"
#include "names/host_name.h"

namespace ginnel {
namespace {

constexpr std::string_view kNeverTold[] = {
    "localhost",     "ip6-localhost", "ip6-loopback",
    "broadcasthost", "wpad",          "isatap",
};

}  // namespace

bool may_be_told(std::string_view name, std::string_view own) {
  if (!is_strict_host_name(name) || dns::lower_case(name) != name) return false;
  std::string_view first = name.substr(0, name.find('.'));
  std::string_view last = name.substr(name.rfind('.') + 1);
  return last != "localhost" && last != "arpa" && name != own &&
         name != own.substr(0, own.find('.')) &&
         std::find(std::begin(kNeverTold), std::end(kNeverTold), first) ==
             std::end(kNeverTold);
}

HostTable::Added HostTable::add(const names::NameRecord& record,
                                TimePoint now) {
  if (!may_be_told(record.name, own_name_) ||
      !names::is_host_address(record.address)) {
    return Added::kKnown;
  }
  auto verdict = verdicts_.find(record.name);
  bool is_new = verdict == verdicts_.end();
  if (is_new && verdicts_.size() >= kMaxVerdicts) forget_one(now);
  if (size_ >= names::kMaxFoundNames ||
      (is_new && verdicts_.size() >= kMaxVerdicts)) {
    return Added::kFull;
  }
  if (!names_[record.name].told.emplace(record.source, record.address).second) {
    return Added::kKnown;
  }
  ++size_;
  if (!is_new) {
    gone_.erase({verdict->second.gone, record.name});
    return Added::kKnown;
  }
  verdicts_.emplace(record.name, Verdict());
  return Added::kUnjudged;
}

void HostTable::remove(const names::NameRecord& record, TimePoint now) {
  auto at = names_.find(record.name);
  if (at == names_.end()) return;
  size_ -= at->second.told.erase({record.source, record.address});
  if (!at->second.told.empty()) return;
  names_.erase(at);
  Verdict& verdict = verdicts_[record.name];
  verdict.gone = now;
  if (verdict.known_here) gone_.emplace(now, record.name);
}

void HostTable::judge(const std::string& name, bool known_here, TimePoint now) {
  Verdict& verdict = verdicts_[name];
  verdict.known_here = known_here;
  if (names_.contains(name)) return;
  gone_.erase({verdict.gone, name});
  verdict.gone = now;
  gone_.emplace(now, name);
}

void HostTable::forget_one(TimePoint now) {
  if (gone_.empty() || gone_.begin()->first + kRemembered > now) return;
  verdicts_.erase(gone_.begin()->second);
  gone_.erase(gone_.begin());
}

std::vector<KnownHost> HostTable::hosts(
    const std::function<bool(const IpAddress&)>& captured) const {
  std::vector<KnownHost> result;
  for (const auto& [name, entry] : names_) {
    auto verdict = verdicts_.find(name);
    bool counts =
        verdict != verdicts_.end() && verdict->second.known_here == false;
    if (counts) add_hosts(name, entry, captured, result);
  }
  return result;
}

void HostTable::add_hosts(const std::string& name, const Name& entry,
                          const std::function<bool(const IpAddress&)>& captured,
                          std::vector<KnownHost>& to) {
  std::optional<names::Source> counts;
  std::size_t room = names::kMaxAddresses;
  for (const auto& [source, address] : entry.told) {
    if ((counts && *counts != source) || room == 0) break;
    if (!captured(address)) continue;
    counts = source;
    --room;
    to.emplace_back(name, address, source);
  }
}

}  // namespace ginnel
