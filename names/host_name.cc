// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/host_name.h"

#include <algorithm>
#include <cstddef>

namespace ginnel {
namespace {

bool is_label_byte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text[0] != '-' &&
         std::all_of(text.begin(), text.end(), is_label_byte);
}

}  // namespace

bool is_host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  for (;;) {
    std::size_t dot = text.find('.');
    std::string_view label = text.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) {
      return label.find_first_not_of("0123456789") != std::string_view::npos;
    }
    text.remove_prefix(dot + 1);
  }
}

bool is_strict_host_name(std::string_view text) {
  return is_host_name(text) && !text.ends_with('.') && !text.ends_with('-') &&
         text.find('_') == std::string_view::npos &&
         text.find("-.") == std::string_view::npos;
}

}  // namespace ginnel
