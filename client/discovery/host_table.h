// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/net_types.h"
#include "names/messages.h"

namespace ginnel {

// A host of the far end's as this machine is to know it.
struct KnownHost {
  std::string name;
  IpAddress address;
  names::Source source;

  KnownHost(std::string what, const IpAddress& where, names::Source by)
      : name(std::move(what)), address(where), source(by) {}
  auto operator<=>(const KnownHost&) const = default;
};

// Whether a stranger may say where `name` (in lower case) is: not when it means
// this machine itself, nor when programs ask for it of their own accord and
// trust who answers (wpad, isatap; as Windows' name server has it). `own` is
// this machine's name.
bool may_be_told(std::string_view name, std::string_view own);

// The host names that the far end has told of, and which of them count: those
// that this machine does not know otherwise, at addresses that are captured.
// Where sources differ about a name, the first in the order of names::Source
// that has such an address counts. Pure.
class HostTable {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Names that were asked about, whether or not they are still there. One that
  // has been gone for so long makes room for another.
  static constexpr std::size_t kMaxVerdicts = 4 * names::kMaxFoundNames;
  static constexpr auto kRemembered = std::chrono::hours(1);

  explicit HostTable(std::string own_name) : own_name_(std::move(own_name)) {}

  enum class Added {
    kKnown,    // or not to be told
    kFull,     // names::kMaxFoundNames are there
    kUnjudged  // whether the name is to count has to be found out: judge()
  };
  Added add(const names::NameRecord& record, TimePoint now);
  void remove(const names::NameRecord& record, TimePoint now);
  // Once for a name: whether this machine knows it without the far end. It is
  // not asked again, since what is told here becomes something that this
  // machine knows.
  void judge(const std::string& name, bool known_here, TimePoint now);

  // In order; of each name names::kMaxAddresses at most.
  std::vector<KnownHost> hosts(
      const std::function<bool(const IpAddress&)>& captured) const;

 private:
  struct Name {
    std::set<std::pair<names::Source, IpAddress>> told;
  };
  static void add_hosts(const std::string& name, const Name& entry,
                        const std::function<bool(const IpAddress&)>& captured,
                        std::vector<KnownHost>& to);

  struct Verdict {
    std::optional<bool> known_here;  // nothing: it is being found out
    TimePoint gone{};
  };
  void forget_one(TimePoint now);

  std::string own_name_;
  std::map<std::string, Name> names_;
  std::size_t size_ = 0;  // of all `told`
  std::map<std::string, Verdict> verdicts_;
  // Judged names that are gone, since when.
  std::set<std::pair<TimePoint, std::string>> gone_;
};

}  // namespace ginnel
