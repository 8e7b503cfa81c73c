// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "client/rule_keeper.h"
#include "resolve/alarm.h"

namespace ginnel {

// Installs the rules that change while ginnel runs, and again when that failed:
// more and more seldom, and each reason is logged once.
class RuleInstaller {
 public:
  static constexpr auto kFirstRetry = std::chrono::seconds(1);
  static constexpr auto kLastRetry = std::chrono::seconds(60);

  // `rules` must outlive this. `in_effect` is called when what failed before
  // has worked.
  RuleInstaller(const asio::any_io_executor& executor, RuleKeeper& rules,
                std::function<void()> in_effect);

  // True: the rules are in effect. Where an earlier try has failed, this one
  // waits for its turn.
  bool install();
  void close() { retry_.reset(); }

 private:
  bool try_now();

  RuleKeeper& rules_;
  std::function<void()> in_effect_;
  std::optional<Alarm> retry_;
  bool failing_ = false;
  std::chrono::steady_clock::duration delay_ = kFirstRetry;
  std::set<std::string> said_;
};

}  // namespace ginnel
