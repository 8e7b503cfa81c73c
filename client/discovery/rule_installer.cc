// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/rule_installer.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace ginnel {
namespace {

// Reasons; of a number in them there may be many.
constexpr std::size_t kMaxSaid = 16;

}  // namespace

RuleInstaller::RuleInstaller(const asio::any_io_executor& executor,
                             RuleKeeper& rules, std::function<void()> in_effect)
    : rules_(rules), in_effect_(std::move(in_effect)) {
  retry_.emplace(executor, [this] { try_now(); });
}

bool RuleInstaller::install() { return !failing_ && try_now(); }

bool RuleInstaller::try_now() {
  auto done = rules_.install();
  if (done) {
    delay_ = kFirstRetry;
    if (std::exchange(failing_, false)) in_effect_();
    return true;
  }
  failing_ = true;
  std::string why = done.error().message();
  if (said_.size() < kMaxSaid && said_.insert(why).second) {
    log::warning("what the far end has told is not captured: ", why,
                 "; it is tried again");
  }
  if (retry_) retry_->set_in(delay_);
  delay_ = std::min<decltype(delay_)>(2 * delay_, kLastRetry);
  return false;
}

}  // namespace ginnel
