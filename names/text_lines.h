// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string_view>

namespace ginnel::names {

// Cuts the next line off `text`, without its end; nothing at the end.
inline std::optional<std::string_view> take_line(std::string_view& text) {
  if (text.empty()) return {};
  std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Cuts the next word off `line`; empty at its end or at one of `comment`.
inline std::string_view take_word(std::string_view& line,
                                  std::string_view comment) {
  constexpr std::string_view kSpace = " \t\r\v\f";
  std::size_t start = line.find_first_not_of(kSpace);
  if (start == std::string_view::npos) start = line.size();
  line.remove_prefix(start);
  std::size_t end = line.find_first_of(kSpace);
  std::string_view word = line.substr(0, end);
  std::size_t mark = word.find_first_of(comment);
  if (mark != std::string_view::npos) {
    line = {};
    return word.substr(0, mark);
  }
  line.remove_prefix(word.size());
  return word;
}

}  // namespace ginnel::names
