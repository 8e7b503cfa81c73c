// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "client/transport/known_hosts.h"
#include "client/transport/ssh_config.h"

namespace ginnel::transport {

// Whether the server may be trusted with this key, as ssh would judge: known
// keys pass; an unknown one by StrictHostKeyChecking (asked about on the
// terminal, refused without one); a changed or revoked one never. A key that
// was accepted is added to the first UserKnownHostsFile. Throws Failure with
// the reason. `fingerprint` is ssh's "SHA256:..." text.
void check_host_key(const SshConfig& config, const KnownHosts& known,
                    const HostKey& key, const std::string& fingerprint);

}  // namespace ginnel::transport
