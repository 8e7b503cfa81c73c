// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "client/transport/choose.h"
#include "client/transport/ssh_config.h"

namespace ginnel::transport {

// What open() and check() both begin with: the configuration, and which
// transport it will be.
struct Examined {
  SshConfig config;
  Choice choice;

  Examined() = default;
};

// Everything that can be found wrong with what the person typed without asking
// the network: -F, -o, -i, -e, and what contradicts the transport.
Result<Examined> examine(const SshOptions& options, Kind kind);

}  // namespace ginnel::transport
