// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/mdns_browser.h"

#include <algorithm>
#include <utility>

#include "names/host_address.h"
#include "names/host_name.h"

namespace ginnel::mdns {
namespace {

using std::chrono::seconds;

bool is_local_host(const std::string& name) {
  return name.ends_with(".local") && is_strict_host_name(name);
}

// "_ipp._tcp.local", or behind an instance's name.
bool is_of_service(const std::string& name) {
  return name.ends_with("._tcp.local") || name.ends_with("._udp.local");
}

bool is_address_type(std::uint16_t type) {
  return type == dns::type::kA || type == dns::type::kAaaa;
}

std::uint16_t type_of(const IpAddress& address) {
  return address.family() == Family::kIpv4 ? dns::type::kA : dns::type::kAaaa;
}

// Four fifths, then nine tenths, of a host's time.
constexpr int kRefreshes = 2;
constexpr int kTenths[kRefreshes] = {8, 9};

}  // namespace

Browser::Browser(TimePoint begin, Tell tell)
    : tell_(std::move(tell)), not_before_(begin) {
  want(Question(std::string(kServiceTypes), dns::type::kPtr), begin, -1);
}

void Browser::want(const Question& question, TimePoint now, int tries) {
  if (questions_.size() >= kMaxQuestions) return;
  Schedule schedule;
  schedule.next = now;
  schedule.tries = tries;
  questions_.try_emplace(question, schedule);
}

void Browser::who_has(const IpAddress& address, TimePoint now) {
  want(Question(dns::reverse_name(address), dns::type::kPtr), now, kTries);
}

void Browser::want_address(const std::string& name, TimePoint now) {
  if (!is_local_host(name)) return;
  auto known = hosts_.lower_bound(HostKey(name, IpAddress()));
  if (known != hosts_.end() && known->first.first == name) return;
  want(Question(name, dns::type::kA), now, kTries);
  want(Question(name, dns::type::kAaaa), now, kTries);
}

void Browser::heard(Bytes message, unsigned link, TimePoint now) {
  auto header = dns::read_header(message);
  if (!header || !header->is_answer() || header->opcode() != 0) return;
  std::vector<Record> records = mdns::records(message);
  // Addresses first: what they answer need not be asked.
  for (const Record& record : records) {
    if (is_address_type(record.type)) take_address(record, link, now);
  }
  flush_others(records, link, now);
  for (const Record& record : records) {
    if (record.type != dns::type::kSrv || record.ttl == 0) continue;
    questions_.erase(Question(record.name, record.type));
    want_address(record.target, now);
  }
  for (const Record& record : records) {
    if (record.type == dns::type::kPtr) take_pointer(record, now);
  }
}

void Browser::take_address(const Record& record, unsigned link, TimePoint now) {
  if (!is_local_host(record.name) || !names::is_host_address(record.address)) {
    return;
  }
  HostKey key(record.name, record.address);
  auto known = hosts_.find(key);
  if (record.ttl == 0) {
    if (known != hosts_.end() && known->second.link == link) drop(known);
    return;
  }
  questions_.erase(Question(record.name, record.type));
  Host host;
  host.link = link;
  host.heard = now;
  host.expires = now + std::clamp<Clock::duration>(seconds(record.ttl),
                                                   kLeastTime, kMostTime);
  if (known != hosts_.end()) {
    known->second = host;
  } else if (hosts_.size() < kMaxHosts) {
    hosts_.emplace(std::move(key), host);
    tell_(false, record.name, record.address);
  }
}

// A host that says that these are all of its addresses on this link (section
// 10.2): what it said more than a second ago, and not now, is over. A goodbye
// is about one address only.
void Browser::flush_others(const std::vector<Record>& records, unsigned link,
                           TimePoint now) {
  for (const Record& record : records) {
    if (!record.flush || record.ttl == 0 || !is_address_type(record.type)) {
      continue;
    }
    auto host = hosts_.lower_bound(HostKey(record.name, IpAddress()));
    while (host != hosts_.end() && host->first.first == record.name) {
      auto next = std::next(host);
      bool same = host->second.link == link &&
                  type_of(host->first.second) == record.type;
      if (same && host->second.heard + seconds(1) < now) drop(host);
      host = next;
    }
  }
}

void Browser::drop(std::map<HostKey, Host>::iterator host) {
  HostKey key = host->first;
  hosts_.erase(host);
  tell_(true, key.first, key.second);
}

void Browser::take_pointer(const Record& record, TimePoint now) {
  if (dns::reverse_address(record.name)) {
    if (record.ttl == 0) return;
    questions_.erase(Question(record.name, record.type));
    return want_address(record.target, now);
  }
  bool is_type = record.name == kServiceTypes;
  if (!is_of_service(is_type ? record.target : record.name)) return;
  auto owner = pointers_.find(record.name);
  if (record.ttl == 0) {
    if (owner == pointers_.end()) return;
    pointer_count_ -= owner->second.erase(record.target);
    if (owner->second.empty()) pointers_.erase(owner);
    return;
  }
  Target target{
      record.ttl, now,
      now + std::min<Clock::duration>(seconds(record.ttl), kMostTime)};
  bool known =
      owner != pointers_.end() && owner->second.contains(record.target);
  if (!known) {
    if (pointer_count_ >= kMaxPointers) return;
    ++pointer_count_;
    if (!is_type) {
      want(Question(record.target, dns::type::kSrv), now, kTries);
    } else if (types_ < kMaxTypes &&
               !questions_.contains(Question(record.target, record.type))) {
      ++types_;
      want(Question(record.target, record.type), now, -1);
    }
  }
  pointers_[record.name].insert_or_assign(record.target, target);
}

std::optional<std::vector<std::byte>> Browser::query(TimePoint now) {
  if (now < not_before_) return {};
  refresh_hosts(now);
  QueryBuilder builder;
  std::set<std::string> pointers;
  for (auto at = questions_.begin(); at != questions_.end();) {
    auto question = at++;
    Schedule& schedule = question->second;
    if (schedule.next > now) continue;
    if (!builder.ask(question->first)) {
      if (!builder.empty()) break;  // in the next one
      questions_.erase(question);   // in none
      continue;
    }
    if (question->first.type == dns::type::kPtr) {
      pointers.insert(question->first.name);
    }
    schedule.next = now + schedule.interval;
    schedule.interval =
        std::min<Clock::duration>(2 * schedule.interval, kLongest);
    if (schedule.tries > 0 && --schedule.tries == 0) questions_.erase(question);
  }
  if (builder.empty()) return {};
  add_known(builder, pointers, now);
  not_before_ = now + kGap;
  return builder.take();
}

// What is known and has more than half of its time to go.
void Browser::add_known(QueryBuilder& builder,
                        const std::set<std::string>& names, TimePoint now) {
  for (const std::string& name : names) {
    auto owner = pointers_.find(name);
    if (owner == pointers_.end()) continue;
    for (const auto& [to, target] : owner->second) {
      auto age = std::chrono::duration_cast<seconds>(now - target.heard);
      if (age >= seconds(target.ttl / 2)) continue;
      Pointer pointer{name, to,
                      target.ttl - static_cast<std::uint32_t>(age.count())};
      if (!builder.know(pointer)) return;
    }
  }
}

Browser::TimePoint Browser::refresh_time(const Host& host) {
  if (host.refreshed >= kRefreshes) return TimePoint::max();
  return host.heard +
         (host.expires - host.heard) / 10 * kTenths[host.refreshed];
}

void Browser::refresh_hosts(TimePoint now) {
  for (auto& [key, host] : hosts_) {
    if (refresh_time(host) > now) continue;
    ++host.refreshed;
    want(Question(key.first, type_of(key.second)), now, 1);
  }
}

Browser::TimePoint Browser::next_time() const {
  TimePoint query = TimePoint::max();
  TimePoint end = TimePoint::max();
  for (const auto& [question, schedule] : questions_) {
    query = std::min(query, schedule.next);
  }
  for (const auto& [key, host] : hosts_) {
    query = std::min(query, refresh_time(host));
    end = std::min(end, host.expires);
  }
  for (const auto& [name, targets] : pointers_) {
    for (const auto& [to, target] : targets)
      end = std::min(end, target.expires);
  }
  return std::min(std::max(query, not_before_), end);
}

void Browser::tick(TimePoint now) {
  for (auto host = hosts_.begin(); host != hosts_.end();) {
    auto next = std::next(host);
    if (host->second.expires <= now) drop(host);
    host = next;
  }
  for (auto& [name, targets] : pointers_) {
    pointer_count_ -= std::erase_if(
        targets, [&](const auto& item) { return item.second.expires <= now; });
  }
  std::erase_if(pointers_,
                [](const auto& item) { return item.second.empty(); });
}

}  // namespace ginnel::mdns
