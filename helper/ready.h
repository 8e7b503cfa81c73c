// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "base/strings.h"

// The first thing the helper says on its stdout, before any frame: that it
// runs, and which build of it:
//
//     ginnel-helper ready <version> <build-id>\n
//
// Until the client has read this line it sends nothing after the helper's own
// bytes, since the tools that unpack them there may read ahead.
namespace ginnel::helper_ready {

// The descriptor by which the start script ran the unlinked program.
inline constexpr int kOwnFile = 9;

inline constexpr std::string_view kPrefix = "ginnel-helper ready ";

inline std::string line(std::string_view version, std::string_view build_id) {
  return concat(kPrefix, version, " ", build_id, "\n");
}

}  // namespace ginnel::helper_ready
