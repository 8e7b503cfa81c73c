// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/strings.h"

namespace ginnel {

std::string printable(std::string_view text, std::size_t limit) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string result;
  for (unsigned char byte : text.substr(0, limit)) {
    if (byte >= 0x20 && byte < 0x7f) {
      result += static_cast<char>(byte);
    } else {
      result += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  if (text.size() > limit) result += "...";
  return result;
}

}  // namespace ginnel
