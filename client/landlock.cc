// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/log.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace ginnel {
namespace {

// Rights newer than Debian 12's <linux/landlock.h>.
constexpr std::uint64_t kRefer = 1 << 13;     // ABI 2, Linux 5.19
constexpr std::uint64_t kTruncate = 1 << 14;  // ABI 3, Linux 6.2

// Every right of ABI `version` that changes something.
std::uint64_t writing_rights(long version) {
  std::uint64_t rights =
      LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
      LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
      LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
      LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
      LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
  if (version >= 2) rights |= kRefer;
  if (version >= 3) rights |= kTruncate;
  return rights;
}

Result<void> allow(int ruleset, const std::string& path, std::uint64_t rights) {
  UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) return {};
  struct stat about {};
  if (::fstat(place.get(), &about) < 0) {
    return Error::from_errno(errno, "look at " + printable(path));
  }
  // The other rights are about what is in a folder; for a file the kernel
  // refuses them.
  if (!S_ISDIR(about.st_mode)) {
    rights &= LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
  }
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights;
  rule.parent_fd = place.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                &rule, 0) < 0) {
    return Error::from_errno(errno, "allow writing to " + printable(path));
  }
  return {};
}

}  // namespace

Result<void> forbid_writing_outside(std::span<const std::string> writable) {
  long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) {
    log::debug("this kernel has no Landlock; files stay writable");
    return {};
  }
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = writing_rights(version);
  UniqueFd ruleset(static_cast<int>(::syscall(
      SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (!ruleset) return Error::from_errno(errno, "make a Landlock ruleset");
  for (const std::string& path : writable) {
    Result<void> allowed =
        allow(ruleset.get(), path, attributes.handled_access_fs);
    if (!allowed) return allowed;
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) < 0) {
    return Error::from_errno(errno, "restrict this process by Landlock");
  }
  return {};
}

}  // namespace ginnel
