// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "client/discovery/host_table.h"

namespace ginnel {

// Answers look-ups from a list of hosts: A and AAAA by name, PTR by address. A
// name of one label is also known in each domain of this machine's search list,
// since that is how most programs' look-ups for it arrive.
//
// Of a name that has no address in the family asked for it says so, lest "no
// such name" from elsewhere hide the other family. But a name that the far
// end's name servers told they know better: they are asked for whatever is not
// here, and so for all other types of records. Pure.
class HostAnswers {
 public:
  // An answer counts this long; names go when the far end says.
  static constexpr std::chrono::seconds kLasts{30};

  HostAnswers() = default;
  explicit HostAnswers(const std::vector<KnownHost>& hosts);

  // The answer; nothing when the question is for others. `search` is in lower
  // case. REQUIRES: dns::is_query(query).
  std::optional<std::vector<std::byte>> answer(
      Bytes query, const std::vector<std::string>& search) const;

 private:
  struct Name {
    std::vector<IpAddress> addresses;
    names::Source source{};
  };
  const Name* find(const std::string& name,
                   const std::vector<std::string>& search) const;

  std::map<std::string, Name> names_;
  std::map<IpAddress, KnownHost> by_address_;
};

}  // namespace ginnel
