// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ginnel {

// Whom to connect to, as `-r` says it. What is left out is ssh_config's to
// say; `host` may be an alias that only ssh_config knows.
struct Remote {
  std::string user;  // empty: not said
  std::optional<std::string> password;
  std::string host;                   // without brackets
  std::optional<std::uint16_t> port;  // never 0
};

// Reads "[USER[:PASSWORD]@]HOST[:PORT]". The user ends at the last '@', the
// password begins at the first ':' (it may hold both). An IPv6 address stands
// in brackets, or bare when no port follows. A host or user that ssh or a
// ProxyCommand's shell would take for something else (a leading '-', a quote,
// a '$', a blank) is refused, as OpenSSH itself refuses it; so is a URL, which
// would be a user "ssh" with a password.
Result<Remote> parse_remote(std::string_view text);

// As it was typed, with the password as "***".
std::string to_string(const Remote& remote);

}  // namespace ginnel
