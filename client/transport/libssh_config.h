// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "base/result.h"
#include "client/transport/ssh_config.h"

namespace ginnel::transport {

// libssh's reading of the ssh configuration, for a machine that has no ssh
// program. It knows fewer keys (no Match canonical, one known_hosts file).
Result<SshConfig> resolve_by_libssh(const SshOptions& options);

}  // namespace ginnel::transport
