// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <vector>

#include "base/net_types.h"

namespace ginnel {

// An address of this machine's, and the network in which it has it.
struct OwnAddress {
  IpAddress address;
  Prefix network;

  OwnAddress(const IpAddress& where, int length)
      : address(where), network(where, length) {}
  bool operator==(const OwnAddress&) const = default;
};

// Those of interfaces that are up, loopback and link-local ones left out.
std::vector<OwnAddress> own_addresses();

// How that is asked; a test gives its own.
using OwnAddresses = std::function<std::vector<OwnAddress>()>;

}  // namespace ginnel
