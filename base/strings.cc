// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/strings.h"

namespace ginnel {
namespace {

constexpr char kHex[] = "0123456789abcdef";

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
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

std::string hexadecimal(Bytes bytes) {
  std::string result;
  for (std::byte byte : bytes) {
    auto value = std::to_integer<unsigned>(byte);
    result += {kHex[value >> 4], kHex[value & 15]};
  }
  return result;
}

}  // namespace ginnel
