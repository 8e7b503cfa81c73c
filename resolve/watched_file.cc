// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/watched_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"

namespace ginnel {
namespace {

bool same_time(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

}  // namespace

const std::string& WatchedFile::text(TimePoint now) {
  if (now < next_look_) return text_;
  next_look_ = now + std::chrono::seconds(1);
  if (has_changed()) read();
  return text_;
}

bool WatchedFile::has_changed() {
  struct stat now {};
  if (::stat(path_.c_str(), &now) != 0) now = {};
  bool same = version_ > 0 && now.st_dev == seen_.st_dev &&
              now.st_ino == seen_.st_ino && now.st_size == seen_.st_size &&
              same_time(now.st_mtim, seen_.st_mtim) &&
              same_time(now.st_ctim, seen_.st_ctim);
  seen_ = now;
  return !same;
}

void WatchedFile::read() {
  ++version_;
  text_.clear();
  // Whatever else has this name, a pipe for one, must not hold us up.
  UniqueFd fd(
      ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return;
  }
  char piece[16384];
  while (text_.size() <= limit_) {
    ssize_t count = ::read(fd.get(), piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text_.append(piece, static_cast<std::size_t>(count));
  }
  std::size_t end = text_.rfind('\n', limit_ - 1);
  text_.resize(end == std::string::npos ? 0 : end + 1);
}

}  // namespace ginnel
