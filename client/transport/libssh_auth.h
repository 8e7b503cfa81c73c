// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/transport/libssh_session.h"
#include "client/transport/ssh_config.h"

namespace ginnel::transport {

// Logs in: learns the server's methods, then tries those of
// PreferredAuthentications that both sides have, step by step, each step with a
// deadline of its own. (libssh's ssh_userauth_publickey_auto waits for ever
// when the server hangs up after too many keys.)
//
// Keys are offered in this order: agent keys that an IdentityFile names, files
// given with -i, other agent keys (unless IdentitiesOnly), other files. That is
// ssh's order, but for a key the person names with -i, which comes before
// the agent's others so that MaxAuthTries is not spent on them.
//
// `password` is from user:password@host. Throws Failure when the server takes
// nothing, with what was tried; when a named key file is not there; and when
// the server hangs up.
awaitable<void> log_in(std::shared_ptr<LibsshSession> session, SshConfig config,
                       SshOptions options);

}  // namespace ginnel::transport
