// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace ginnel {
namespace {

// The kernel's sets have 64 bits in two words; which of them exist is found
// by asking.
constexpr int kMaxCapabilities = 64;

Result<void> set_own(CapabilitySet kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct words[2] = {};
  if (::syscall(SYS_capget, &header, words) < 0) {
    return Error::from_errno(errno, "read this process's capabilities");
  }
  for (int i = 0; i < 2; ++i) {
    auto wanted = static_cast<std::uint32_t>(kept >> 32 * i);
    words[i].permitted &= wanted;
    words[i].effective = words[i].permitted;
    words[i].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, words) < 0) {
    return Error::from_errno(errno, "drop capabilities");
  }
  return {};
}

}  // namespace

Result<void> bound_capabilities(CapabilitySet kept) {
  for (int i = 0; i < kMaxCapabilities; ++i) {
    if (kept >> i & 1) continue;
    // EINVAL: the kernel has no such capability. EPERM: this process may not
    // change its bounding set; no_new_privs does then what that would.
    if (::prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno != EINVAL &&
        errno != EPERM) {
      return Error::from_errno(errno, "drop a capability from the bounds");
    }
  }
  return {};
}

Result<void> keep_capabilities(CapabilitySet kept) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    return Error::from_errno(errno, "set no_new_privs");
  }
  Result<void> bound = bound_capabilities(kept);
  if (!bound) return bound;
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return set_own(kept);
}

}  // namespace ginnel
