// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/result.h"

namespace ginnel {

// On whose behalf sudo (SUDO_UID), doas (DOAS_USER) or pkexec (PKEXEC_UID)
// made this process root; nothing when none of them did. Each sets its own
// variable itself, so for a process that is root it can be believed; another
// process's environment says what its user likes. An error when a variable
// names nobody, or two name different users: one is left over from an outer
// sudo, and nothing tells which.
Result<std::optional<uid_t>> invoking_uid();

}  // namespace ginnel
