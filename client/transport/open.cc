// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/open.h"

#include <unistd.h>
#include <algorithm>
#include <array>

#include <asio/this_coro.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/log.h"
#include "base/strings.h"
#include "client/transport/agent.h"
#include "client/transport/dial.h"
#include "client/transport/known_hosts.h"
#include "client/transport/libssh_transport.h"
#include "client/transport/openssh_transport.h"
#include "client/transport/sha1.h"

namespace ginnel::transport {
namespace {

using Opener = awaitable<std::unique_ptr<Transport>> (*)(SshConfig, SshOptions,
                                                         SocketFactory,
                                                         LineSink);

awaitable<std::unique_ptr<Transport>> open_openssh(SshConfig config,
                                                   SshOptions options,
                                                   SocketFactory make_socket,
                                                   LineSink stderr_line) {
  auto executor = co_await asio::this_coro::executor;
  co_return OpensshTransport::open(executor, std::move(config),
                                   std::move(options), std::move(make_socket),
                                   std::move(stderr_line));
}

// Every transport there is.
struct Row {
  Kind kind;
  const char* name;
  Opener open;
};
constexpr std::array kTransports{
    Row{Kind::kLibssh, "libssh", LibsshTransport::open},
    Row{Kind::kOpenssh, "openssh", open_openssh},
};

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

Choice choice_for(const Request& request, const SshConfig& config) {
  Choice choice;
  if (request.kind != Kind::kAuto) {
    choice.kind = request.kind;
    choice.reason = "--transport says so";
    return choice;
  }
  Circumstances circumstances;
  circumstances.own_command = !request.ssh.ssh_command.empty();
  circumstances.has_password = request.ssh.password.has_value();
  circumstances.known_hosts_marker = has_known_hosts_marker(config);
  circumstances.unheld_security_key = has_unheld_security_key(config);
  return choose(config, circumstances);
}

// With -e the command may be no ssh, and its configuration none of ours.
SshConfig config_of_command(const SshOptions& options) {
  SshConfig config;
  config.set("hostname", options.host);
  config.set("port", std::to_string(options.port.value_or(22)));
  return config;
}

SshConfig read_config(const SshOptions& options) {
  auto config = resolve_ssh_config(options);
  if (config) return *config;
  if (!options.ssh_command.empty()) return config_of_command(options);
  throw Failure(config.error().message());
}

// ssh goes on without a key file that is not there; who names one wants it.
void check_identities(const Request& request, const SshConfig& config) {
  for (const std::string& name : request.ssh.identities) {
    std::string path = config.expand(name);
    std::string pub = path + ".pub";
    if (access(path.c_str(), F_OK) == 0 || access(pub.c_str(), F_OK) == 0) {
      continue;
    }
    throw Failure(concat("the key file ", path, ": ", std::strerror(errno)));
  }
}

// What only ssh can do and the person may have forgotten when forcing libssh.
void check_forced_libssh(const Request& request, const SshConfig& config) {
  if (request.kind != Kind::kLibssh) return;
  if (!request.ssh.ssh_command.empty()) {
    throw Failure("-e needs --transport openssh");
  }
  for (const char* key : {"proxycommand", "proxyjump"}) {
    if (!config.is_set(key)) continue;
    throw Failure(concat("the ssh configuration of ",
                         printable(request.ssh.host), " has a ", key,
                         ", which needs --transport openssh"));
  }
}

}  // namespace

awaitable<std::unique_ptr<Transport>> open(Request request) {
  SshConfig config = read_config(request.ssh);
  check_identities(request, config);
  check_forced_libssh(request, config);
  Choice choice = choice_for(request, config);
  const Row* row = std::ranges::find(kTransports, choice.kind, &Row::kind);
  log::debug("transport: ", row->name, ", since ", choice.reason);
  if (request.chosen) request.chosen(choice.kind);
  if (!request.make_socket) request.make_socket = plain_socket;
  co_return co_await row->open(std::move(config), std::move(request.ssh),
                               std::move(request.make_socket),
                               std::move(request.stderr_line));
}

}  // namespace ginnel::transport
