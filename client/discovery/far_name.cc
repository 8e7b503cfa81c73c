// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/far_name.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "names/host_address.h"

namespace ginnel {

std::chrono::seconds FarName::take(
    const std::optional<names::Addresses>& answer) {
  State now = judge(answer);
  is_news_ |= now != state_;
  state_ = now;
  if (state_ == State::kFound) {
    retry_ = kFirstRetry;
    return std::clamp(answer->lasts, kLeast, kMost);
  }
  return std::exchange(retry_, std::min(retry_ * 2, kLastRetry));
}

FarName::State FarName::judge(const std::optional<names::Addresses>& answer) {
  using Status = names::Addresses::Status;
  if (!answer || answer->status == Status::kNoAnswer) return State::kNoAnswer;
  addresses_ = answer->addresses;
  std::erase_if(addresses_, [this](const IpAddress& address) {
    return !names::is_host_address(address) ||
           (!ipv6_ && address.family() == Family::kIpv6);
  });
  std::sort(addresses_.begin(), addresses_.end());
  addresses_.erase(std::unique(addresses_.begin(), addresses_.end()),
                   addresses_.end());
  if (!addresses_.empty()) return State::kFound;
  return answer->status == Status::kFound ? State::kNothingToCapture
                                          : State::kNoName;
}

std::string FarName::take_news() {
  if (!std::exchange(is_news_, false)) return "";
  switch (state_) {
    case State::kFound:
      return concat(spec_, " has been found");
    case State::kNoName:
      return concat(spec_,
                    ": the far end knows no such name; it is asked again until "
                    "it does");
    case State::kNoAnswer:
      return concat(spec_,
                    ": the far end has no answer from its name servers; it is "
                    "asked again until it has");
    case State::kNothingToCapture:
      return concat(spec_,
                    " has no address that can be captured; it is asked for "
                    "again until it has");
  }
  return "";
}

}  // namespace ginnel
