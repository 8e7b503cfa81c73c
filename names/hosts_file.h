// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/net_types.h"

namespace ginnel::names {

// A line of a hosts file: an address and the names it has, of which a caller
// takes what it can use: they are not checked.
struct HostsLine {
  // More on a line are left out.
  static constexpr std::size_t kMaxNames = 64;

  IpAddress address;
  std::vector<std::string_view> names;  // in the text, at least one
};

// Reads a hosts file (hosts(5)), line by line, so that the caller says how much
// of it is enough. Lines that are malformed, or whose address has a zone, are
// skipped. Pure.
class HostsFile {
 public:
  // `text` must outlive this.
  explicit HostsFile(std::string_view text) : rest_(text) {}

  std::optional<HostsLine> next();

 private:
  std::string_view rest_;
};

// The addresses that a hosts file gives `name`, letter case aside; at most
// `limit`, none twice.
std::vector<IpAddress> addresses_in_hosts_file(std::string_view text,
                                               std::string_view name,
                                               std::size_t limit = 64);

}  // namespace ginnel::names
