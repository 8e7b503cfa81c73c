// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>

#include "base/result.h"

// Giving up root in `ginnel`. Linux only: /proc, capabilities, Landlock.
//
// The order of a start as root:
//   1. FirewallProxy::start_as_root, which keeps what root is needed for;
//   2. invoking_user() or named_user(), and agent_socket_of() it;
//   3. drop_to() it, for good;
//   4. only now: open files that the user named;
//   5. lock_down(), when all that is to be written is known.
namespace ginnel {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  std::string home;
  std::string shell;
};

// Who had this process started as root: SUDO_UID, DOAS_USER or PKEXEC_UID.
// Nothing for a process that is not root, and for real root (a router, a
// service), whose own keys are used. An error when one of these is set and
// names nobody.
Result<std::optional<Identity>> invoking_user();

// The user called `name`, for --run-as.
Result<Identity> named_user(const std::string& name);

// Where that user's ssh agent listens, from the environment of the nearest
// ancestor process that runs as `user` (sudo strips SSH_AUTH_SOCK from ours).
// Only a socket that belongs to the user counts. REQUIRES: root.
std::optional<std::string> agent_socket_of(const Identity& user);

// Becomes `user` for good: groups, ids, HOME, USER, LOGNAME and SHELL.
// An error, and a process that must end, when any step failed or when root
// could be had back. REQUIRES: root, one thread.
Result<void> drop_to(const Identity& user);

// Gives up every capability and the right to gain any by executing a program,
// for this process and all that it starts, and, where the kernel has Landlock,
// the right to create, change or remove files anywhere but at and beneath
// `writable` (folders, files, devices; those that do not exist are passed
// over). Reading and executing stay as they were. Matters most to a process
// that stays uid 0, since uid 0 without capabilities still owns root's files.
Result<void> lock_down(std::span<const std::string> writable);

}  // namespace ginnel
