// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "base/net_types.h"

namespace ginnel {

// A network that this machine is on and where others hear a multicast: an
// interface that is up, with an address that means something beyond it.
struct Link {
  // No machine that people log in to has more networks; containers' bridges
  // beyond that are left out.
  static constexpr std::size_t kMaxLinks = 16;

  struct Address {
    IpAddress own;
    Prefix network;
    IpAddress broadcast;  // IPv4's; 0.0.0.0 without one
  };

  std::string name;
  unsigned index = 0;
  std::vector<Address> addresses;  // link-local ones too

  bool has(Family family) const;
  // Whether `address` is on this link and not elsewhere (RFC 6762 section 11).
  bool is_local(const IpAddress& address) const;
};

std::vector<Link> links();

// The link with that index; null when there is none.
const Link* find_link(const std::vector<Link>& links, unsigned index);

}  // namespace ginnel
