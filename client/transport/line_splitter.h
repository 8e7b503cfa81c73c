// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace ginnel::transport {

// Cuts what arrives in pieces into lines, without "\n" and "\r\n". A line
// longer than 4 KiB is cut there: whoever writes it is not trusted.
class LineSplitter {
 public:
  static constexpr std::size_t kMaxLine = 4096;

  void add(std::string_view piece) {
    for (char c : piece) {
      if (c != '\n') line_ += c;
      if (c == '\n' || line_.size() == kMaxLine) finish();
    }
  }
  // Ends a line that was begun.
  void finish() {
    if (line_.ends_with('\r')) line_.pop_back();
    lines_.push_back(std::exchange(line_, {}));
  }
  bool has_part() const { return !line_.empty(); }

  bool has_line() const { return !lines_.empty(); }
  std::string take_line() {
    std::string line = std::move(lines_.front());
    lines_.pop_front();
    return line;
  }

 private:
  std::string line_;
  std::deque<std::string> lines_;
};

}  // namespace ginnel::transport
