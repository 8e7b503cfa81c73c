// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/net_types.h"
#include "base/result.h"

namespace ginnel {

// Far more than a router has addresses worth naming; 0.0.0.0 and [::] stand
// for all of them.
inline constexpr std::size_t kMaxListenSpecs = 16;

// One address of `-l`. Port 0 leaves the choice to us.
struct ListenSpec {
  std::string name;  // a name to look up; empty: `where.address` is meant
  Endpoint where;    // the port counts for a name, too
};

// Reads "[IP:]PORT", with several joined by commas: "0.0.0.0", "12300" (which
// is 0.0.0.0:12300), "127.0.0.1:0,[::1]:0", "localhost". IPv6 stands in
// brackets. Ports 1 to 1023 are refused: ginnel-firewall opens none of them.
Result<std::vector<ListenSpec>> parse_listen(std::string_view text);

// For a total, over several -l, of more than kMaxListenSpecs.
Error too_many_listeners();

std::string to_string(const ListenSpec& spec);

}  // namespace ginnel
