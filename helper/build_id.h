// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

namespace ginnel {

// The linker's hash of this program's contents, hexadecimal, from its own
// NT_GNU_BUILD_ID note; empty when it has none.
std::string own_build_id();

}  // namespace ginnel
