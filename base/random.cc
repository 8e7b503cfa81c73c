// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/random.h"

#include <sys/random.h>

#include <cerrno>

namespace ginnel {

Result<void> fill_random(MutableBytes room) {
  while (!room.empty()) {
    ssize_t count = ::getrandom(room.data(), room.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return Error::from_errno(errno, "ask the kernel for random numbers");
    }
    room = room.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace ginnel
