// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/hosts_change.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>

#include "base/log.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "firewall/hosts_edit.h"
#include "firewall/note.h"

namespace ginnel::firewall {
namespace {

// How long another who holds the file (flock), or who has it open, is waited
// for. An edit takes less than a millisecond.
constexpr std::chrono::milliseconds kLockWait(1000);
constexpr std::chrono::milliseconds kLeaseWait(100);
constexpr std::chrono::milliseconds kPause(2);

// How often it is tried while somebody else writes to the file.
constexpr int kMaxAttempts = 20;

bool try_until(std::chrono::milliseconds limit,
               const std::function<bool()>& attempt) {
  auto deadline = std::chrono::steady_clock::now() + limit;
  while (!attempt()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

// The whole of a file.
Result<std::string> read_all(int fd, std::size_t limit,
                             const std::string& name) {
  std::string text;
  char buffer[65536];
  for (;;) {
    ssize_t size =
        ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()));
    if (size < 0) return Error::from_errno(errno, concat("read ", name));
    if (size == 0) return text;
    text.append(buffer, size);
    if (text.size() > limit) {
      return Error(concat(name, " is larger than ", limit >> 20, " MiB"));
    }
  }
}

bool is_at(const std::string& path, int fd) {
  struct stat ours {
  }, now{};
  return ::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &now) == 0 &&
         ours.st_dev == now.st_dev && ours.st_ino == now.st_ino;
}

// A regular file. Who has leased it, for a moment, is waited for.
Result<UniqueFd> open_regular(const std::string& path, int access) {
  UniqueFd file;
  try_until(kLockWait, [&] {
    file.reset(
        ::open(path.c_str(), access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    return file || errno != EWOULDBLOCK;
  });
  if (!file) return Error::from_errno(errno, "cannot be opened");
  struct stat about {};
  if (::fstat(file.get(), &about) < 0 || !S_ISREG(about.st_mode)) {
    return Error("is not a regular file");
  }
  return file;
}

// Whether nobody else holds it. Where there is no flock() all is free.
bool lock(int file) {
  return ::flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

// The hosts file, locked if that can be had; an editor may put another in its
// place at any time. While it waits it does not keep the file open, which would
// keep whoever has the lock from the lease.
Result<UniqueFd> open_hosts(const std::string& path) {
  auto deadline = std::chrono::steady_clock::now() + kLockWait;
  for (;;) {
    Result<UniqueFd> file = open_regular(path, O_RDWR);
    if (!file) {
      return Error(file.error().code(),
                   concat(path, " ", file.error().message(),
                          ": make it writable, or use --dns, which needs no "
                          "hosts file"));
    }
    bool late = std::chrono::steady_clock::now() >= deadline;
    if (!lock(file->get()) && !late) {
      file->reset();
      std::this_thread::sleep_for(kPause);
      continue;
    }
    if (late) log::warning(path, " stays locked; edited all the same");
    if (is_at(path, file->get())) return file;
  }
}

// Keeps others from opening the file, as long as this lives. Without leases,
// or while somebody has it open, it does nothing.
class Lease {
 public:
  explicit Lease(int file) : file_(file) {
    // Who waits for us is told by a signal, which must not be SIGIO: that
    // kills.
    ::fcntl(file_, F_SETSIG, SIGURG);
    try_until(kLeaseWait, [&] {
      return ::fcntl(file_, F_SETLEASE, F_WRLCK) == 0 || errno != EAGAIN;
    });
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { ::fcntl(file_, F_SETLEASE, F_UNLCK); }

 private:
  int file_;
};

// --- one edit, written down -------------------------------------------------

Result<void> write_all(int fd, std::string_view text, off_t offset,
                       int flags = 0) {
  while (!text.empty()) {
    iovec part{const_cast<char*>(text.data()), text.size()};
    ssize_t size = ::pwritev2(fd, &part, 1, offset, flags);
    if (size < 0 && errno == EOPNOTSUPP && flags != 0) {
      flags = 0;
      continue;
    }
    if (size < 0) return Error::from_errno(errno, "write");
    text.remove_prefix(size);
    offset += size;
  }
  return {};
}

// A note of what is being done to the file, which only they find who edit the
// same file.
class Journal {
 public:
  // REQUIRES: the folder is locked as long as this lives.
  Journal(int folder, int file) : folder_(folder) {
    struct stat about {};
    ::fstat(file, &about);
    name_ = concat("hosts-", about.st_dev, "-", about.st_ino);
  }

  // What a process that was killed has left; nothing, if nothing whole.
  std::optional<TailEdit> read() const {
    UniqueFd note(::openat(folder_, name_.c_str(),
                           O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!note) return std::nullopt;
    Result<std::string> text = read_all(note.get(), 2 * kMaxHostsFile, name_);
    return text ? from_note(*text) : std::nullopt;
  }

  Result<void> write(const TailEdit& edit) const {
    UniqueFd note(
        ::openat(folder_, name_.c_str(),
                 O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!note) return Error::from_errno(errno, concat("make note ", name_));
    Result<void> written = write_all(note.get(), to_note(edit), 0);
    return written ? written : written.error().in(concat("note ", name_));
  }

  void remove() const { ::unlinkat(folder_, name_.c_str(), 0); }

 private:
  int folder_;
  std::string name_;
};

Result<void> make(const TailEdit& edit, int file) {
  auto end = static_cast<off_t>(edit.offset + edit.after.size());
  // Somebody who appended without our noticing must not be overwritten.
  int flags = edit.before.empty() ? RWF_APPEND : 0;
  Result<void> written =
      write_all(file, edit.after, static_cast<off_t>(edit.offset), flags);
  if (!written) return written;
  if (edit.before.size() > edit.after.size() && ::ftruncate(file, end) < 0) {
    return Error::from_errno(errno, "cut");
  }
  return {};
}

// As it was, after a failure: a full disk mostly.
void revert(const TailEdit& edit, int file) {
  auto end = static_cast<off_t>(edit.offset + edit.before.size());
  (void)write_all(file, edit.before, static_cast<off_t>(edit.offset))
      .has_value();
  (void)!::ftruncate(file, end);
}

Result<void> make_written_down(const TailEdit& edit, int file,
                               const Journal& journal) {
  if (!edit.cuts_only()) {
    Result<void> noted = journal.write(edit);
    if (!noted) {
      journal.remove();
      return noted;
    }
  }
  Result<void> made = make(edit, file);
  if (!made) revert(edit, file);
  journal.remove();
  return made;
}

// --- the file as a whole ----------------------------------------------------

using Change = std::function<std::string(std::string_view text)>;

// Completes what was left half done, and returns the file's text after that.
Result<std::string> repaired_text(int file, const Journal& journal,
                                  const std::string& path) {
  Result<std::string> text = read_all(file, kMaxHostsFile, path);
  std::optional<TailEdit> left = journal.read();
  if (!text || !left) {
    journal.remove();
    return text;
  }
  std::optional<TailEdit> rest = rest_of(*left, *text);
  if (rest && !rest->empty()) {
    Result<void> made = make(*rest, file);
    if (!made) return made.error().in(path);
    text = read_all(file, kMaxHostsFile, path);
  }
  journal.remove();
  return text;
}

bool has_size(int file, std::size_t size) {
  struct stat about {};
  return ::fstat(file, &about) == 0 &&
         static_cast<std::size_t>(about.st_size) == size;
}

// Whether it is done; not if somebody else has written in between.
Result<bool> try_change(int file, const Journal& journal,
                        const std::string& path, const Change& change) {
  Result<std::string> text = repaired_text(file, journal, path);
  if (!text) return text.error();
  TailEdit edit = edit_between(*text, change(*text));
  if (edit.empty()) return true;
  if (!has_size(file, text->size())) return false;
  Result<void> made = make_written_down(edit, file, journal);
  if (!made) return made.error().in(concat("cannot change ", path));
  return true;
}

Result<void> change_file(const HostsPlace& place, int folder,
                         const Change& change) {
  Result<UniqueFd> file = open_hosts(place.file);
  if (!file) return file.error();
  Journal journal(folder, file->get());
  Lease lease(file->get());
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    Result<bool> done = try_change(file->get(), journal, place.file, change);
    if (!done) return done.error();
    if (*done) return {};
  }
  return Error(concat(place.file, " is being written all the time"));
}

}  // namespace

Result<void> change_hosts(const HostsPlace& place, const Change& change) {
  Result<UniqueFd> folder = lock_notes(place.notes);
  if (!folder) return folder.error();
  Result<void> changed = change_file(place, folder->get(), change);
  remove_notes_if_empty(place.notes);
  return changed;
}

Result<std::string> read_hosts(const HostsPlace& place) {
  Result<UniqueFd> file = open_regular(place.file, O_RDONLY);
  if (!file) return file.error().in(place.file);
  return read_all(file->get(), kMaxHostsFile, place.file);
}

}  // namespace ginnel::firewall
