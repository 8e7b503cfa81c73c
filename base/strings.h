// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace ginnel {

namespace detail {
inline void append(std::string& to, std::string_view part) { to += part; }
inline void append(std::string& to, char part) { to += part; }
void append(std::string& to, std::integral auto part) {
  to += std::to_string(part);
}
// Whatever has a to_string of its own beside it: addresses, prefixes.
template <typename T>
requires requires(const T& value) {
  { to_string(value) } -> std::convertible_to<std::string>;
}
void append(std::string& to, const T& part) { to += to_string(part); }
}  // namespace detail

// Texts, numbers and things with a to_string, one after another. (g++ 12 has
// no std::format, and the static helper no room for fmt.)
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string result;
  (detail::append(result, parts), ...);
  return result;
}

// `text` with every byte that is not printable ASCII as \xNN, cut at `limit`
// bytes: how a peer's words are shown on the user's terminal.
std::string printable(std::string_view text, std::size_t limit = 200);

// Two lower-case digits a byte.
std::string hexadecimal(Bytes bytes);

}  // namespace ginnel
