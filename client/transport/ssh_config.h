// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/transport/ssh_options.h"

namespace ginnel::transport {

// The configuration ssh would use for one server: what `ssh -G` prints, so that
// ssh's own parser (Match, Include, tokens, canonical names) is the truth, and
// libssh is then given explicit values. Keys are lower case, as ssh prints
// them; a key may have several values.
class SshConfig {
 public:
  // Reads the output of `ssh -G`: lines of "key value". An error when there is
  // no host name or port, or there are more than 4096 lines.
  static Result<SshConfig> parse(std::string_view text);

  // The first value; empty when there is none.
  std::string value(const std::string& key) const;
  std::vector<std::string> values(const std::string& key) const;
  bool has(const std::string& key) const { return values_.contains(key); }
  void set(const std::string& key, std::string value);
  void add(const std::string& key, std::string value);

  bool is_yes(const std::string& key) const;
  // A value that is there and is not "none".
  bool is_set(const std::string& key) const;

  std::string hostname() const { return value("hostname"); }
  std::string user() const { return value("user"); }
  std::uint16_t port() const;
  std::optional<std::chrono::seconds> connect_timeout() const;
  // UserKnownHostsFile, then GlobalKnownHostsFile, expanded.
  std::vector<std::string> known_hosts_files() const;
  // IdentityFile, expanded, in order.
  std::vector<std::string> identity_files() const;
  // What known_hosts files this server under.
  std::string known_hosts_name() const;

  // `path` with ~ and the tokens %% %d %h %i %k %l %n %p %r %u put in, and
  // ${NAME} from the environment.
  std::string expand(std::string_view path) const;

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

// `ssh -F … -i … -o … -p … -l … -G host`, or, where there is no ssh program,
// libssh's reading of the same files. An error is one sentence that names what
// ssh complains of.
Result<SshConfig> resolve_ssh_config(const SshOptions& options);

// `ssh` or what stands for it, with the options a person gave and no host:
// -F, -i, -o, -p and -l.
std::vector<std::string> ssh_arguments(const SshOptions& options);

// The values of `keys` that a bare `ssh -G` has, to tell a person's choice from
// ssh's own default. Empty where there is no ssh program.
SshConfig ssh_defaults();

}  // namespace ginnel::transport
