// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

namespace ginnel {

// Whether `text` can be a host's name: labels of letters, digits, '-' and '_'
// joined by dots, of at most 63 bytes and 253 in all (RFC 1035), the last not
// all digits, since that is a mistyped address.
bool is_host_name(std::string_view text);

// Stricter, for names that strangers gave and that go into a hosts file: no
// underscores, no '-' at the end of a label, no dot at the end (RFC 952 as
// RFC 1123 section 2.1 relaxes it). Lower it with dns::lower_case().
bool is_strict_host_name(std::string_view text);

}  // namespace ginnel
