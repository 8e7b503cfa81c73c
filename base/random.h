// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace ginnel {

// Fills `room` with random bytes of the kernel's, fit for keys.
Result<void> fill_random(MutableBytes room);

}  // namespace ginnel
