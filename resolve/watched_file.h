// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <string>

namespace ginnel {

// The text of a small file that others change, such as resolv.conf. It is
// looked at no more than once a second, and read when it has changed: its
// content's time, its size, or which file has the name.
class WatchedFile {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Beyond its first `limit` bytes the file counts only up to the last whole
  // line.
  WatchedFile(std::string path, std::size_t limit)
      : path_(std::move(path)), limit_(limit) {}

  // As it is now; empty when there is no such regular file.
  const std::string& text(TimePoint now);
  // Counts the times that text() has changed; 0 before the first look.
  unsigned version() const { return version_; }

 private:
  bool has_changed();
  void read();

  std::string path_;
  std::size_t limit_;
  std::string text_;
  unsigned version_ = 0;
  TimePoint next_look_ = TimePoint::min();
  struct stat seen_ {};
};

}  // namespace ginnel
