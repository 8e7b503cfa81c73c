// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>

#include "base/strings.h"
#include "client/transport/agent.h"
#include "client/transport/dial.h"
#include "client/transport/known_hosts.h"
#include "client/transport/open.h"
#include "client/transport/sha1.h"

namespace ginnel::transport {
namespace {

bool has_known_hosts_marker(const SshConfig& config) {
  KnownHosts known;
  for (const std::string& path : config.known_hosts_files()) {
    known.add_file(path);
  }
  return known.has_marker(config.known_hosts_name());
}

// The base64 text of a FIDO public key in `path`.pub; empty for another type.
std::string security_key(const std::string& path) {
  std::ifstream file(path + ".pub");
  std::string type, base64;
  file >> type >> base64;
  return file && type.starts_with("sk-") ? base64 : std::string();
}

bool has_unheld_security_key(const SshConfig& config) {
  std::vector<std::string> keys;
  for (const std::string& path : config.identity_files()) {
    std::string key = security_key(path);
    if (!key.empty()) keys.push_back(std::move(key));
  }
  if (keys.empty()) return false;
  std::string path = agent_socket_path(config);
  auto agent = connect_agent(path);
  if (!agent) return true;
  auto held = list_agent_keys(agent->get());
  if (!held) return true;
  return !std::ranges::all_of(keys, [&](const std::string& key) {
    return std::ranges::any_of(*held, [&](const AgentKey& one) {
      return base64_encode(one.blob) == key;
    });
  });
}

Choice choice_for(const SshOptions& options, Kind kind,
                  const SshConfig& config) {
  Choice choice;
  if (kind != Kind::kAuto) {
    choice.kind = kind;
    choice.reason = "--transport says so";
    return choice;
  }
  Circumstances circumstances;
  circumstances.own_command = !options.ssh_command.empty();
  circumstances.has_password = options.password.has_value();
  circumstances.known_hosts_marker = has_known_hosts_marker(config);
  circumstances.unheld_security_key = has_unheld_security_key(config);
  return choose(config, circumstances);
}

bool is_folder(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// What keeps us from reading a file (looked at, not opened: it may be a pipe).
Result<void> check_readable(const std::string& what, const std::string& path) {
  std::string name = concat(what, " ", printable(path));
  if (is_folder(path)) return Error(concat(name, " is a folder"));
  if (access(path.c_str(), R_OK) == 0) return {};
  return Error::from_errno(errno, name);
}

// With -e the command may be no ssh, and its configuration none of ours.
SshConfig config_of_command(const SshOptions& options) {
  SshConfig config;
  config.set("hostname", options.host);
  config.set("port", std::to_string(options.port.value_or(22)));
  return config;
}

Result<SshConfig> read_config(const SshOptions& options) {
  const std::string& file = options.config_file;
  // "none" is a word of ssh's.
  if (!file.empty() && file != "none") {
    auto readable = check_readable("the ssh configuration file", file);
    if (!readable) return readable.error();
  }
  auto config = resolve_ssh_config(options);
  if (!config && !options.ssh_command.empty()) {
    return config_of_command(options);
  }
  return config;
}

// ssh goes on without a key file that is not there; who names one wants it. A
// .pub alone means "this key, from the agent".
Result<void> check_identities(const SshOptions& options,
                              const SshConfig& config) {
  for (const std::string& name : options.identities) {
    std::string path = config.expand(name);
    if (access((path + ".pub").c_str(), R_OK) == 0) continue;
    auto readable = check_readable("the key file", path);
    if (!readable) return readable.error();
  }
  return {};
}

// As execvp would find it.
bool is_program(const std::string& word) {
  auto runs = [](const std::string& path) {
    return access(path.c_str(), X_OK) == 0 && !is_folder(path);
  };
  if (word.find('/') != word.npos) return runs(word);
  const char* variable = std::getenv("PATH");
  std::string_view folders = variable ? variable : "/bin:/usr/bin";
  for (;;) {
    std::string_view folder = folders.substr(0, folders.find(':'));
    if (runs(concat(folder.empty() ? "." : folder, "/", word))) return true;
    if (folder.size() == folders.size()) return false;
    folders.remove_prefix(folder.size() + 1);
  }
}

Result<void> check_command(const SshOptions& options, const Choice& choice) {
  if (!options.ssh_command.empty()) {
    const std::string& word = options.ssh_command.front();
    if (is_program(word)) return {};
    return Error(concat("-e: there is no program ", printable(word)));
  }
  if (choice.kind != Kind::kOpenssh || is_program("ssh")) return {};
  return Error(concat("there is no ssh program, which is needed since ",
                      choice.reason, ": install openssh-client"));
}

// What only ssh can do and the person may have forgotten when forcing libssh.
Result<void> check_forced_libssh(const SshOptions& options, Kind kind,
                                 const SshConfig& config) {
  if (kind != Kind::kLibssh) return {};
  if (!options.ssh_command.empty()) {
    return Error("-e needs --transport openssh");
  }
  // What libssh would pass over, though it decides where or whom we trust.
  for (const char* key :
       {"proxycommand", "proxyjump", "revokedhostkeys", "knownhostscommand"}) {
    if (!config.is_set(key)) continue;
    return Error(concat("the ssh configuration of ", printable(options.host),
                        " has a ", key, ", which needs --transport openssh"));
  }
  return {};
}

// ssh asks nobody then, not even us.
Result<void> check_password(const SshOptions& options, const Choice& choice,
                            const SshConfig& config) {
  if (!options.password || choice.kind != Kind::kOpenssh ||
      !config.is_yes("batchmode")) {
    return {};
  }
  return Error(concat("BatchMode keeps ssh from using the password given for ",
                      printable(options.host), ": leave one of them out"));
}

bool is_reached_directly(const SshOptions& options, const SshConfig& config) {
  return options.ssh_command.empty() && !config.is_set("proxycommand") &&
         !config.is_set("proxyjump");
}

}  // namespace

Result<Examined> examine(const SshOptions& options, Kind kind) {
  auto config = read_config(options);
  if (!config) return config.error();
  auto keys = check_identities(options, *config);
  if (!keys) return keys.error();
  auto forced = check_forced_libssh(options, kind, *config);
  if (!forced) return forced.error();
  Examined examined;
  examined.choice = choice_for(options, kind, *config);
  auto command = check_command(options, examined.choice);
  if (!command) return command.error();
  auto password = check_password(options, examined.choice, *config);
  if (!password) return password.error();
  examined.config = *std::move(config);
  return examined;
}

Result<void> check(const SshOptions& ssh, Kind kind) {
  auto examined = examine(ssh, kind);
  if (!examined) return examined.error();
  const SshConfig& config = examined->config;
  if (!is_reached_directly(ssh, config)) return {};
  try {
    resolve_host(config.hostname(), config.port(),
                 config.value("addressfamily"));
  } catch (const Failure& failure) {
    return Error(failure.what());
  }
  return {};
}

}  // namespace ginnel::transport
