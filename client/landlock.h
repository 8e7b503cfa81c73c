// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <string>

#include "base/result.h"

namespace ginnel {

// From now on this process, and all it starts, can create, change and remove
// files only at and beneath `writable`. Reading, executing and descriptors
// that are already open stay as they were. Paths that do not exist are passed
// over. Where the kernel has no Landlock (Linux only, since 5.13, and not in
// every build) this logs a line and does nothing. REQUIRES: no_new_privs.
Result<void> forbid_writing_outside(std::span<const std::string> writable);

}  // namespace ginnel
