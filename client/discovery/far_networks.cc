// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/far_networks.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

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
  change_->set_in(kPause);
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
  applied_ = true;
  limits_.own = own_networks();
  RouteVerdicts next = judge_routes(routes_, limits_);
  changed_(route_rules(next, limits_));
  log_changes(next);
  verdicts_ = std::move(next);
}

void FarNetworks::log_changes(const RouteVerdicts& next) const {
  auto before = with_verdict(verdicts_, RouteVerdict::kCaptured);
  auto now = with_verdict(next, RouteVerdict::kCaptured);
  for (const Prefix& route : now) {
    if (!before.contains(route)) log::info("captured: ", route);
  }
  for (const Prefix& route : before) {
    if (!now.contains(route)) log::info("no longer captured: ", route);
  }
  for (RouteVerdict reason : {RouteVerdict::kExcluded, RouteVerdict::kOwn,
                              RouteVerdict::kWide, RouteVerdict::kTooMany}) {
    log_left_out(next, reason);
  }
}

// One line for however many.
void FarNetworks::log_left_out(const RouteVerdicts& next,
                               RouteVerdict reason) const {
  auto left_out = with_verdict(next, reason);
  if (left_out.empty() || left_out == with_verdict(verdicts_, reason)) return;
  std::size_t more = left_out.size() - 1;
  log::info("not captured: ", *left_out.begin(),
            more > 0 ? concat(" and ", more, " more") : "", ": ", why(reason));
}

}  // namespace ginnel
