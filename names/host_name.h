// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

namespace ginnel {

// Whether `text` can be a host's name: labels of letters, digits, '-' and '_'
// joined by dots, of at most 63 bytes and 253 in all (RFC 1035), the last not
// all digits, since that is a mistyped address.
bool is_host_name(std::string_view text);

}  // namespace ginnel
