// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "client/transport/ssh_config.h"

namespace ginnel::transport {

enum class Kind { kAuto, kLibssh, kOpenssh };

// What `auto` must know besides the configuration.
struct Circumstances {
  bool own_command = false;          // -e
  bool has_password = false;         // user:password@host
  bool known_hosts_marker = false;   // @cert-authority or @revoked for it
  bool unheld_security_key = false;  // a FIDO key file that no agent holds
};

struct Choice {
  Kind kind = Kind::kLibssh;  // never kAuto
  std::string reason;         // "ProxyJump is set"
};

// Which transport `auto` takes: libssh, which starts fastest and has the widest
// window, unless a decisive value of the configuration is one that only ssh
// honours. The table is in choose.cc.
Choice choose(const SshConfig& config, const Circumstances& circumstances);

}  // namespace ginnel::transport
