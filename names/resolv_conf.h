// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/net_types.h"

namespace ginnel::names {

// Which name servers a machine asks, and how: resolv.conf(5) as glibc reads it.
// What is malformed or over a bound is left out, as glibc does; a bad line
// harms no other. Pure.
struct ResolvConf {
  // More than any resolver asks (glibc: 3); the first ones count.
  static constexpr std::size_t kMaxServers = 16;
  static constexpr std::size_t kMaxSearch = 16;

  struct Server {
    IpAddress address;
    std::string zone;  // the interface of "fe80::1%eth0"
    bool operator==(const Server&) const = default;
  };
  std::vector<Server> servers;  // none twice
  // Domains to try behind a name, in lower case, no dot at the end; what the
  // last `search` or `domain` line says.
  std::vector<std::string> search;
  // A name with at least so many dots is tried as it is first.
  int ndots = 1;
  // How long one server has to answer.
  std::chrono::seconds timeout{5};
  // Never by UDP (use-vc).
  bool over_tcp = false;
};

ResolvConf parse_resolv_conf(std::string_view text);

}  // namespace ginnel::names
