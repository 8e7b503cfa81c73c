// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/far_networks.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "client/discovery/log_some.h"

namespace ginnel {
namespace {

std::set<Prefix> with_verdict(const RouteVerdicts& verdicts,
                              RouteVerdict wanted) {
  std::set<Prefix> result;
  for (const auto& [route, verdict] : verdicts) {
    if (verdict == wanted) result.insert(route);
  }
  return result;
}

std::vector<Prefix> missing_in(const std::set<Prefix>& of,
                               const std::set<Prefix>& in) {
  std::vector<Prefix> result;
  std::set_difference(of.begin(), of.end(), in.begin(), in.end(),
                      std::back_inserter(result));
  return result;
}

}  // namespace

FarNetworks::FarNetworks(const asio::any_io_executor& executor,
                         mux::Session& session, RouteLimits limits,
                         Changed changed, OwnAddresses own)
    : executor_(executor),
      session_(session),
      limits_(std::move(limits)),
      changed_(std::move(changed)),
      own_(std::move(own)),
      complete_(executor) {
  change_.emplace(executor, [this] { apply(); });
  look_.emplace(executor, [this] { look_around(); });
}

void FarNetworks::start() {
  complete_.expect_within(kPatience);
  records_ = FarRecords<names::RouteRecord>::open(
      executor_, session_, mux::Service::kRoutes, {},
      [this](const names::RouteRecord& record) { told(record); },
      [this] { ended(); });
  if (!records_) ended();
}

awaitable<void> FarNetworks::wait() {
  bool in_time = co_await complete_.wait();
  if (!in_time) {
    log::warning(
        "the far end has not told all of its networks yet; what it tells "
        "later is captured then");
  }
  if (!applied_) apply();
  look_->set_in(kLookAround);
}

void FarNetworks::close() {
  if (records_) records_->close();
  change_.reset();
  look_.reset();
}

void FarNetworks::told(const names::RouteRecord& record) {
  switch (record.what) {
    case names::RouteRecord::What::kComplete:
      return complete_.is_there();
    case names::RouteRecord::What::kAdded:
      if (routes_.size() >= names::kMaxRoutes) return;
      routes_.insert(record.prefix);
      break;
    case names::RouteRecord::What::kRemoved:
      routes_.erase(record.prefix);
      break;
  }
  change_soon();
}

void FarNetworks::ended() {
  log::warning("the far end tells of no more networks; those captured stay");
  complete_.is_there();
}

void FarNetworks::change_soon() {
  if (!applied_ || std::exchange(change_pending_, true)) return;
  auto now = std::chrono::steady_clock::now();
  auto next = last_change_ + interval_;
  bool at_once = now < next;
  interval_ = at_once ? std::min<decltype(interval_)>(2 * interval_, kLongest)
                      : kInterval;
  change_->set(std::max(now + kPause, next));
}

void FarNetworks::look_around() {
  look_->set_in(kLookAround);
  if (own_networks() != limits_.own) change_soon();
}

std::vector<Prefix> FarNetworks::own_networks() const {
  std::set<Prefix> networks;
  for (const OwnAddress& own : own_()) networks.insert(own.network);
  return {networks.begin(), networks.end()};
}

void FarNetworks::apply() {
  change_pending_ = false;
  last_change_ = std::chrono::steady_clock::now();
  applied_ = true;
  limits_.own = own_networks();
  verdicts_ = judge_routes(routes_, limits_);
  if (changed_(route_rules(verdicts_, limits_))) in_effect();
}

void FarNetworks::in_effect() {
  auto before = with_verdict(logged_, RouteVerdict::kCaptured);
  auto now = with_verdict(verdicts_, RouteVerdict::kCaptured);
  log_some("captured: ", missing_in(now, before));
  log_some("no longer captured: ", missing_in(before, now));
  for (RouteVerdict reason : {RouteVerdict::kExcluded, RouteVerdict::kOwn,
                              RouteVerdict::kWide, RouteVerdict::kTooMany}) {
    log_left_out(reason);
  }
  logged_ = verdicts_;
}

// One line for however many.
void FarNetworks::log_left_out(RouteVerdict reason) const {
  auto left_out = with_verdict(verdicts_, reason);
  if (left_out.empty() || left_out == with_verdict(logged_, reason)) return;
  std::size_t more = left_out.size() - 1;
  log::info("not captured: ", *left_out.begin(),
            more > 0 ? concat(" and ", more, " more") : "", ": ", why(reason));
}

}  // namespace ginnel
