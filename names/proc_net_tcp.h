// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <set>
#include <string_view>

#include "base/net_types.h"

namespace ginnel::names {

// The other ends of the established connections in the text of /proc/net/tcp or
// /proc/net/tcp6 (proc(5)), IPv4 ones inside IPv6 as IPv4, `limit` at most.
// Lines that are malformed are passed over. Pure.
std::set<IpAddress> connected_peers(std::string_view text, std::size_t limit);

}  // namespace ginnel::names
