// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/note.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "firewall/nft.h"

namespace ginnel::firewall {
namespace {

// The folder, made if need be. One that somebody else could write to, or a
// link, is not used.
Result<UniqueFd> open_folder(const std::string& name) {
  if (::mkdir(name.c_str(), 0700) < 0 && errno != EEXIST) {
    return Error::from_errno(errno, concat("make ", name));
  }
  UniqueFd folder(
      ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return Error::from_errno(errno, concat("open ", name));
  struct stat about {};
  if (::fstat(folder.get(), &about) < 0) {
    return Error::from_errno(errno, concat("look at ", name));
  }
  if (about.st_uid != 0 || (about.st_mode & 077) != 0) {
    return Error(concat(name, " must belong to root and have mode 0700"));
  }
  return folder;
}

bool still_there(const std::string& name, int folder) {
  struct stat ours {
  }, now{};
  return ::fstat(folder, &ours) == 0 && ::lstat(name.c_str(), &now) == 0 &&
         ours.st_dev == now.st_dev && ours.st_ino == now.st_ino;
}

// What tells this network namespace from others.
Result<std::string> namespace_text() {
  struct stat about {};
  if (::stat("/proc/self/ns/net", &about) < 0) {
    return Error::from_errno(errno, "look at /proc/self/ns/net");
  }
  return concat("netns ", about.st_dev, ":", about.st_ino, "\n");
}

std::vector<std::string> notes_in(int folder) {
  std::vector<std::string> names;
  int copy = ::fcntl(folder, F_DUPFD_CLOEXEC, 3);
  std::unique_ptr<DIR, int (*)(DIR*)> listing(
      copy < 0 ? nullptr : ::fdopendir(copy), ::closedir);
  if (!listing) return names;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (is_our_table(entry->d_name)) names.emplace_back(entry->d_name);
  }
  return names;
}

void repair(int folder, const std::string& table, const std::string& here) {
  UniqueFd note(::openat(folder, table.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!note || ::flock(note.get(), LOCK_EX | LOCK_NB) < 0) return;
  char text[128];
  ssize_t size = ::read(note.get(), text, sizeof text);
  if (size < 0 || std::string_view(text, size) != here) return;
  Result<void> removed = remove_table(table);
  if (removed) removed = remove_table(translation_table(table));
  if (!removed) {
    log::warning("left over from a run that was killed: ",
                 removed.error().message());
    return;
  }
  ::unlinkat(folder, table.c_str(), 0);
  log::info("repaired what a killed run left over: table ", table);
}

}  // namespace

Result<UniqueFd> lock_notes(const std::string& folder) {
  for (;;) {
    Result<UniqueFd> opened = open_folder(folder);
    if (!opened) return opened;
    if (::flock(opened->get(), LOCK_EX) < 0) {
      return Error::from_errno(errno, concat("lock ", folder));
    }
    // Whoever had the lock before may have been the last to need the folder.
    if (still_there(folder, opened->get())) return opened;
  }
}

void remove_notes_if_empty(const std::string& folder) {
  ::rmdir(folder.c_str());
}

Result<UniqueFd> write_note(const std::string& table) {
  Result<std::string> text = namespace_text();
  if (!text) return text.error();
  Result<UniqueFd> folder = lock_notes();
  if (!folder) return folder;
  UniqueFd note(::openat(folder->get(), table.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         0600));
  if (!note) {
    return Error::from_errno(errno, concat("make ", kNotes, "/", table));
  }
  auto size = static_cast<ssize_t>(text->size());
  if (::flock(note.get(), LOCK_EX | LOCK_NB) < 0 ||
      ::write(note.get(), text->data(), text->size()) != size) {
    return Error::from_errno(errno, concat("write ", kNotes, "/", table));
  }
  return note;
}

Result<void> remove_note(const std::string& table) {
  Result<UniqueFd> folder = lock_notes();
  if (!folder) return folder.error();
  if (::unlinkat(folder->get(), table.c_str(), 0) < 0 && errno != ENOENT) {
    return Error::from_errno(errno, concat("remove ", kNotes, "/", table));
  }
  remove_notes_if_empty();
  return {};
}

void repair_stale_notes() {
  Result<std::string> here = namespace_text();
  Result<UniqueFd> folder = lock_notes();
  if (!here || !folder) {
    log::warning("look for what killed runs left over: ",
                 (here ? folder.error() : here.error()).message());
    return;
  }
  for (const std::string& table : notes_in(folder->get())) {
    repair(folder->get(), table, *here);
  }
  remove_notes_if_empty();
}

}  // namespace ginnel::firewall
