// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>

#include "base/net_types.h"

namespace ginnel {

// Where the connection that was accepted as `fd` was going before the firewall
// redirected it. Nothing when it was not redirected: somebody connected to the
// listener itself. Linux only: SO_ORIGINAL_DST (linux/netfilter_ipv4.h).
std::optional<Endpoint> original_destination(int fd);

}  // namespace ginnel
