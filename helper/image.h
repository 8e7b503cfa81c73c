// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

#include "base/bytes.h"

// The far-end program as `ginnel` carries it.
namespace ginnel::helper_image {

// The static binary, gzipped.
Bytes packed();
// The hash of its contents (the linker's build id, hexadecimal), which it
// repeats when it has started.
std::string_view build_id();
// What `uname -m` says where it runs.
std::string_view machine();

}  // namespace ginnel::helper_image
