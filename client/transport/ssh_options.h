// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ginnel::transport {

// What the person said about the server, before any configuration file.
struct SshOptions {
  std::string host;                     // a name, an address or an alias
  std::string user;                     // empty: as the configuration says
  std::optional<std::uint16_t> port;    // nothing: as the configuration says
  std::optional<std::string> password;  // from user:password@host

  std::string config_file;               // -F
  std::vector<std::string> identities;   // -i, in order
  std::vector<std::string> settings;     // -o KEY=VALUE, in order
  std::vector<std::string> ssh_command;  // words of -e; empty: not given
};

}  // namespace ginnel::transport
