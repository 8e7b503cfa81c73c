// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>

#include "base/net_types.h"

namespace ginnel {

// The name of the interface by which this machine reaches `peer` now. Nothing
// when there is no route, or when the address it would use is on none.
std::optional<std::string> uplink_to(const Endpoint& peer);

}  // namespace ginnel
