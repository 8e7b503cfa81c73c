// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/hosts_file.h"

#include <algorithm>

#include "names/dns_name.h"
#include "names/text_lines.h"

namespace ginnel::names {
namespace {

bool same_name(std::string_view one, std::string_view other) {
  return one.size() == other.size() &&
         dns::lower_case(one) == dns::lower_case(other);
}

}  // namespace

std::optional<HostsLine> HostsFile::next() {
  while (auto line = take_line(rest_)) {
    auto address = IpAddress::parse(take_word(*line, "#"));
    if (!address) continue;
    HostsLine found;
    found.address = *address;
    while (found.names.size() < HostsLine::kMaxNames) {
      std::string_view name = take_word(*line, "#");
      if (name.empty()) break;
      found.names.push_back(name);
    }
    if (!found.names.empty()) return found;
  }
  return {};
}

std::vector<IpAddress> addresses_in_hosts_file(std::string_view text,
                                               std::string_view name,
                                               std::size_t limit) {
  std::vector<IpAddress> found;
  HostsFile file(text);
  while (auto line = file.next()) {
    bool named =
        std::any_of(line->names.begin(), line->names.end(),
                    [&](std::string_view one) { return same_name(one, name); });
    if (named && found.size() < limit &&
        std::count(found.begin(), found.end(), line->address) == 0) {
      found.push_back(line->address);
    }
  }
  return found;
}

}  // namespace ginnel::names
