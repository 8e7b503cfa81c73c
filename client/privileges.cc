// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/capabilities.h"
#include "base/invoking_user.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "client/landlock.h"

namespace ginnel {
namespace {

// Ancestors looked at: sudo makes up to three processes, shells nest.
constexpr int kMaxAncestors = 32;

// Of a process's environment; the kernel's bound for all of it is 2 MiB.
constexpr std::size_t kMaxEnvironment = 4 << 20;

Identity identity_of(const passwd& entry) {
  Identity user;
  user.uid = entry.pw_uid;
  user.gid = entry.pw_gid;
  user.name = entry.pw_name;
  user.home = entry.pw_dir;
  user.shell = entry.pw_shell;
  return user;
}

// What a file under /proc says; empty when it cannot be read.
std::string contents(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char part[4096];
  ssize_t size = 1;
  while (file && size > 0 && text.size() < kMaxEnvironment) {
    size = ::read(file.get(), part, sizeof part);
    if (size > 0) text.append(part, static_cast<std::size_t>(size));
  }
  return text;
}

// The first number on the line of /proc/PID/status that starts with `key`.
std::optional<unsigned> status_number(std::string_view status,
                                      std::string_view key) {
  std::size_t at = status.find(concat("\n", key, ":\t"));
  if (at == status.npos) return std::nullopt;
  status.remove_prefix(at + key.size() + 3);
  unsigned number = 0;
  auto [end, error] =
      std::from_chars(status.data(), status.data() + status.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

// The value of `name` in NUL-separated NAME=VALUE texts.
std::optional<std::string> variable_in(std::string_view environment,
                                       std::string_view name) {
  while (!environment.empty()) {
    std::size_t end = std::min(environment.find('\0'), environment.size());
    std::string_view entry = environment.substr(0, end);
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('=')) {
      return std::string(entry.substr(name.size() + 1));
    }
    environment.remove_prefix(std::min(end + 1, environment.size()));
  }
  return std::nullopt;
}

// The path is the user's word; only what kind of thing is there is looked at.
bool is_socket_of(const std::string& path, const Identity& user) {
  struct stat about {};
  return path.starts_with('/') && path.size() < sizeof(sockaddr_un::sun_path) &&
         ::stat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode) &&
         about.st_uid == user.uid;
}

Result<void> take_ids(const Identity& user) {
  if (::initgroups(user.name.c_str(), user.gid) < 0) {
    return Error::from_errno(errno, "take the groups of " + user.name);
  }
  if (::setresgid(user.gid, user.gid, user.gid) < 0) {
    return Error::from_errno(errno, "become the group of " + user.name);
  }
  if (::setresuid(user.uid, user.uid, user.uid) < 0) {
    return Error::from_errno(errno, "become user " + user.name);
  }
  return {};
}

// Whether no id is left that is not the user's, and root is out of reach.
bool is_only(const Identity& user) {
  uid_t uids[3];
  gid_t gids[3];
  if (::getresuid(&uids[0], &uids[1], &uids[2]) < 0 ||
      ::getresgid(&gids[0], &gids[1], &gids[2]) < 0) {
    return false;
  }
  for (uid_t uid : uids) {
    if (uid != user.uid) return false;
  }
  for (gid_t gid : gids) {
    if (gid != user.gid) return false;
  }
  return user.uid == 0 || (::setuid(0) < 0 && ::seteuid(0) < 0);
}

}  // namespace

Result<std::optional<Identity>> invoking_user() {
  if (::geteuid() != 0) return std::optional<Identity>();
  Result<std::optional<uid_t>> uid = invoking_uid();
  if (!uid) return uid.error();
  if (!*uid || **uid == 0) return std::optional<Identity>();
  const passwd* entry = ::getpwuid(**uid);
  if (entry == nullptr) {
    return Error(concat("user ", **uid,
                        ", who started ginnel as root, has no entry in the "
                        "user database; name another with --run-as"));
  }
  return std::optional<Identity>(identity_of(*entry));
}

Result<Identity> named_user(const std::string& name) {
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) {
    return Error(concat("there is no user called '", printable(name), "'"));
  }
  return identity_of(*entry);
}

std::optional<std::string> agent_socket_of(const Identity& user) {
  pid_t process = ::getppid();
  for (int i = 0; i < kMaxAncestors && process > 1; ++i) {
    std::string folder = concat("/proc/", process);
    std::string status = contents(folder + "/status");
    if (status_number(status, "Uid") == user.uid) {
      std::optional<std::string> path =
          variable_in(contents(folder + "/environ"), "SSH_AUTH_SOCK");
      if (path && is_socket_of(*path, user)) return path;
    }
    process = static_cast<pid_t>(status_number(status, "PPid").value_or(0));
  }
  return std::nullopt;
}

Result<void> drop_to(const Identity& user) {
  Result<void> bound = bound_capabilities(0);
  if (!bound) return bound;
  Result<void> taken = take_ids(user);
  if (!taken) return taken;
  if (!is_only(user)) {
    return Error(concat("could not give up root for user ", user.name));
  }
  ::setenv("HOME", user.home.c_str(), 1);
  ::setenv("USER", user.name.c_str(), 1);
  ::setenv("LOGNAME", user.name.c_str(), 1);
  ::setenv("SHELL", user.shell.c_str(), 1);
  return {};
}

Result<void> lock_down(std::span<const std::string> writable) {
  Result<void> dropped = keep_capabilities(0);
  if (!dropped) return dropped;
  return forbid_writing_outside(writable);
}

}  // namespace ginnel
