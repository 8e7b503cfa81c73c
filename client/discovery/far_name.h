// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "client/subnet_spec.h"
#include "names/messages.h"

namespace ginnel {

// One far:NAME: which addresses it has, by the answers of the far end, and when
// to ask again. Pure.
class FarName {
 public:
  // An answer counts for as long as it says, within these.
  static constexpr std::chrono::seconds kLeast{5};
  static constexpr std::chrono::seconds kMost{3600};
  // After the first failure, then twice as long each time, up to this.
  static constexpr std::chrono::seconds kFirstRetry{5};
  static constexpr std::chrono::seconds kLastRetry{300};

  // REQUIRES: spec.far && !spec.wildcard.
  FarName(SubnetSpec spec, bool ipv6) : spec_(std::move(spec)), ipv6_(ipv6) {}

  const SubnetSpec& spec() const { return spec_; }
  // Unicast ones; in order, none twice.
  const std::vector<IpAddress>& addresses() const { return addresses_; }

  // Nothing: no answer came. When to ask again.
  //
  // Where nobody answers the addresses stay: that a name server is silent does
  // not say that the host is gone. Where there is no such name they go.
  std::chrono::seconds take(const std::optional<names::Addresses>& answer);

  bool is_found() const { return state_ == State::kFound; }

  // What is wrong, said once until it is right again; and then that.
  std::string take_news();

 private:
  enum class State { kFound, kNoName, kNoAnswer, kNothingToCapture };
  State judge(const std::optional<names::Addresses>& answer);

  SubnetSpec spec_;
  bool ipv6_;
  std::vector<IpAddress> addresses_;
  State state_ = State::kFound;
  bool is_news_ = false;
  std::chrono::seconds retry_ = kFirstRetry;
};

}  // namespace ginnel
