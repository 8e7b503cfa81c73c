// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/net_types.h"
#include "base/result.h"
#include "client/options.h"
#include "client/subnet_spec.h"

namespace ginnel {

// At most so many rules, names counted as the addresses they have.
inline constexpr std::size_t kMaxRules = 65536;
inline constexpr std::size_t kMaxFarNames = 256;

// What the options ask of the firewall, with every file read and every name
// looked up.
struct Capture {
  std::vector<SubnetRule> rules;  // includes, then excludes
  // Names that the far end looks up.
  std::vector<SubnetSpec> far_names;
  // Where captured connections arrive; port 0 is ours to choose. Without -l,
  // and for a family that is captured but that -l does not name, the loopback
  // address.
  std::vector<Endpoint> listeners;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::vector<std::string> warnings;  // sentences to log
};

// How load_capture() asks the world; a test gives its own.
struct Lookups {
  FileReader read_file;
  AddressLookup resolve;
  // Nothing for a name that does not exist.
  std::function<std::optional<uid_t>(const std::string&)> find_user;
  std::function<std::optional<gid_t>(const std::string&)> find_group;
  std::function<bool(const std::string&)> interface_exists;
  std::function<bool(const IpAddress&)> is_local;  // can be listened on
};

// Files, getaddrinfo, getpwnam, getgrnam, if_nametoindex, bind. Blocking: for
// the start only.
Lookups system_lookups();

// REQUIRES: options.action == Action::kRun, from parse_options().
// An Error is one sentence naming the option, name, or file and line.
Result<Capture> load_capture(const Options& options, const Lookups& lookups);

// A rule, listener, uid or gid a line, for tests.
std::string to_string(const Capture& capture);

}  // namespace ginnel
