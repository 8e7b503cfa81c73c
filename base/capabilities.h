// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "base/result.h"

// Linux only: giving up what uid 0 and setuid programs bring.
namespace ginnel {

// A set of capabilities: bit n is capability n of <linux/capability.h>.
using CapabilitySet = std::uint64_t;

// Takes every capability not in `kept` out of the bounding set, for good, as
// far as the process may: only with CAP_SETPCAP, so before root is given up.
Result<void> bound_capabilities(CapabilitySet kept);

// Gives up, for good, every capability not in `kept`: from the bounding and
// ambient sets as far as the process may change these, and from its own. Also
// sets no_new_privs, so that no program executed later, setuid or not, gains
// any. REQUIRES: one thread.
Result<void> keep_capabilities(CapabilitySet kept);

}  // namespace ginnel
