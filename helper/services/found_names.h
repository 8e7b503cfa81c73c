// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "helper/services/told_set.h"
#include "names/messages.h"

namespace ginnel {

// A name that a source has found, and where.
struct FoundName {
  names::Source source{};
  IpAddress address;
  std::string name;
  auto operator<=>(const FoundName&) const = default;
};

// The names that there are by each source: what is not a host's name, or not
// its address, does not get in. Pure.
class FoundNames {
 public:
  // Of each source; together what a client takes.
  static constexpr std::size_t kMaxNames = names::kMaxFoundNames / 4;

  // False: it was there already, or is not taken.
  bool add(names::Source source, const IpAddress& address,
           std::string_view name);
  void remove(names::Source source, const IpAddress& address,
              std::string_view name);

  // The next change to tell; nothing when all is told.
  std::optional<names::NameRecord> next();
  std::size_t size(names::Source source) const {
    return counts_[static_cast<std::size_t>(source)];
  }

 private:
  ToldSet<FoundName> set_;
  std::size_t counts_[5] = {};
};

}  // namespace ginnel
