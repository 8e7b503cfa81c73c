// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "base/net_types.h"

namespace ginnel::names {

// Whether `address` can be one host's, the same seen from everywhere in its
// network: unicast, not loopback, link-local, unspecified or reserved, nor an
// IPv4 address in IPv6's clothes. Pure.
bool is_host_address(const IpAddress& address);

}  // namespace ginnel::names
