// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "base/net_types.h"

namespace ginnel {

// RFC 1918, RFC 6598 (carriers' networks, and many overlay networks) and
// RFC 4193.
bool is_private(const Prefix& network);

// What counts most comes first: private networks, since those are what the
// client wants unless told otherwise; then the wider, that hold the narrower.
struct RouteOrder {
  bool operator()(const Prefix& a, const Prefix& b) const;
};

}  // namespace ginnel
