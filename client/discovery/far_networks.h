// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "client/discovery/far_records.h"
#include "client/discovery/first_answer.h"
#include "client/discovery/own_networks.h"
#include "client/discovery/route_filter.h"
#include "resolve/alarm.h"

namespace ginnel {

// --auto-nets: asks the far end which networks it has routes to, follows them
// as they change, and says which of them are to be captured (route_filter.h).
// What is found is logged, and said again when it changes.
class FarNetworks {
 public:
  // The rules, in place of those given before. True: they are in effect;
  // otherwise in_effect() is called when they are.
  using Changed = std::function<bool(std::vector<firewall::Rule> rules)>;

  // For the first list, before it goes on without.
  static constexpr auto kPatience = std::chrono::seconds(5);
  // Changes that come together are one.
  static constexpr auto kPause = std::chrono::milliseconds(250);
  // Between two changes: each is work for the firewall, during which nothing
  // else happens. Twice as long after each that follows at once.
  static constexpr auto kInterval = std::chrono::seconds(1);
  static constexpr auto kLongest = std::chrono::seconds(30);
  // Between two looks at this machine's own networks, which change when it is
  // carried elsewhere.
  static constexpr auto kLookAround = std::chrono::seconds(5);

  // `limits.own` is filled in here. `session` must outlive close().
  FarNetworks(const asio::any_io_executor& executor, mux::Session& session,
              RouteLimits limits, Changed changed,
              OwnAddresses own = own_addresses);

  void start();
  // Until the far end has told all there is, or kPatience after start();
  // `changed` has been called then, with whatever there is.
  awaitable<void> wait();
  void in_effect();
  void close();

 private:
  void told(const names::RouteRecord& record);
  void ended();
  void change_soon();
  void look_around();
  std::vector<Prefix> own_networks() const;
  void apply();
  void log_left_out(RouteVerdict reason) const;

  asio::any_io_executor executor_;
  mux::Session& session_;
  RouteLimits limits_;
  Changed changed_;
  OwnAddresses own_;
  std::shared_ptr<FarRecords<names::RouteRecord>> records_;
  FirstAnswer complete_;
  bool applied_ = false;  // once; until then all is awaited
  std::set<Prefix> routes_;
  RouteVerdicts verdicts_, logged_;
  std::optional<Alarm> change_, look_;
  bool change_pending_ = false;
  std::chrono::steady_clock::time_point last_change_{};
  std::chrono::steady_clock::duration interval_ = kInterval;
};

}  // namespace ginnel
