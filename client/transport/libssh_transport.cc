// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/libssh_transport.h"

#include <asio/this_coro.hpp>
#include <chrono>

#include "base/log.h"
#include "base/strings.h"
#include "client/transport/algorithms.h"
#include "client/transport/dial.h"
#include "client/transport/host_key.h"
#include "client/transport/libssh_auth.h"
#include "client/transport/libssh_keys.h"
#include "client/transport/libssh_link.h"

namespace ginnel::transport {
namespace {

// Key exchange included.
constexpr std::chrono::seconds kHandshakeLimit{30};

// Where there is no ssh program to tell its own list.
constexpr const char* kCiphers =
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
    "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr";

void set(ssh_session session, ssh_options_e option, const std::string& value,
         const char* name) {
  if (value.empty()) return;
  if (ssh_options_set(session, option, value.c_str()) != SSH_OK) {
    throw Failure(concat(name, " ", printable(value),
                         ": libssh has none of these; take "
                         "--transport openssh"));
  }
}

// `key`'s value when the person chose it; empty when it is ssh's default.
std::string chosen(const SshConfig& config, const SshConfig& defaults,
                   const char* key) {
  std::string value = config.value(key);
  return value == defaults.value(key) ? std::string() : value;
}

void set_algorithms(ssh_session session, const SshConfig& config,
                    const KnownHosts& known) {
  SshConfig defaults = ssh_defaults();
  std::string ciphers = chosen(config, defaults, "ciphers");
  if (ciphers.empty()) {
    ciphers = preferred_ciphers(kCiphers, processor_has_aes());
  }
  set(session, SSH_OPTIONS_CIPHERS_C_S, ciphers, "Ciphers");
  set(session, SSH_OPTIONS_CIPHERS_S_C, ciphers, "Ciphers");
  std::string macs = chosen(config, defaults, "macs");
  set(session, SSH_OPTIONS_HMAC_C_S, macs, "MACs");
  set(session, SSH_OPTIONS_HMAC_S_C, macs, "MACs");
  set(session, SSH_OPTIONS_KEY_EXCHANGE,
      chosen(config, defaults, "kexalgorithms"), "KexAlgorithms");
  set(session, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES,
      chosen(config, defaults, "pubkeyacceptedalgorithms"),
      "PubkeyAcceptedAlgorithms");
  set(session, SSH_OPTIONS_HOSTKEYS,
      preferred_host_key_algorithms(config.value("hostkeyalgorithms"),
                                    known.key_types(config.known_hosts_name())),
      "HostKeyAlgorithms");
  if (config.is_yes("compression")) {
    set(session, SSH_OPTIONS_COMPRESSION, "yes", "Compression");
  }
}

void set_server(ssh_session session, const SshConfig& config) {
  set(session, SSH_OPTIONS_HOST, config.hostname(), "HostName");
  set(session, SSH_OPTIONS_USER, config.user(), "User");
  unsigned port = config.port();
  ssh_options_set(session, SSH_OPTIONS_PORT, &port);
  // We check the host key ourselves.
  set(session, SSH_OPTIONS_KNOWNHOSTS, "/dev/null", "known hosts");
  set(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null", "known hosts");
}

KnownHosts read_known_hosts(const SshConfig& config) {
  KnownHosts known;
  for (const std::string& path : config.known_hosts_files()) {
    known.add_file(path);
  }
  return known;
}

std::string fingerprint_of(ssh_key key) {
  unsigned char* hash = nullptr;
  std::size_t size = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) !=
      SSH_OK) {
    throw Failure("the host key has no fingerprint");
  }
  char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size);
  std::string fingerprint(text ? text : "");
  ssh_string_free_char(text);
  ssh_clean_pubkey_hash(&hash);
  return fingerprint;
}

void check_server(ssh_session session, const SshConfig& config,
                  const KnownHosts& known) {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session, &raw) != SSH_OK) {
    throw Failure("the server showed no host key");
  }
  Key owner(raw);
  HostKey key;
  const char* type = ssh_key_type_to_char(ssh_key_type(raw));
  key.type = type ? type : "";
  key.base64 = public_base64(raw);
  check_host_key(config, known, key, fingerprint_of(raw));
}

awaitable<void> shake_hands(std::shared_ptr<LibsshSession> session,
                            SshConfig config) {
  auto deadline = std::chrono::steady_clock::now() + kHandshakeLimit;
  ssh_session raw = session->raw();
  auto connect = [raw] { return ssh_connect(raw); };
  std::string doing =
      concat("the ssh handshake with ", printable(config.hostname()));
  int answer =
      co_await session->step(connect, SSH_AGAIN, deadline, doing.c_str());
  if (answer != SSH_OK) throw Failure(concat(doing, ": ", session->reason()));
}

}  // namespace

LibsshTransport::LibsshTransport(std::shared_ptr<LibsshSession> session,
                                 Endpoint peer, LineSink stderr_line)
    : session_(std::move(session)),
      peer_(peer),
      stderr_line_(std::move(stderr_line)) {}

awaitable<std::unique_ptr<Transport>> LibsshTransport::open(
    SshConfig config, SshOptions options, SocketFactory make_socket,
    LineSink stderr_line) {
  KnownHosts known = read_known_hosts(config);
  Dialed dialed = co_await dial(config, std::move(make_socket));
  auto session = std::make_shared<LibsshSession>(
      co_await asio::this_coro::executor, std::move(dialed.socket));
  set_server(session->raw(), config);
  set_algorithms(session->raw(), config, known);
  co_await shake_hands(session, config);
  check_server(session->raw(), config, known);
  log::debug("libssh: ", ssh_get_kex_algo(session->raw()), ", ",
             ssh_get_cipher_out(session->raw()), ", peer ", dialed.peer);
  co_await log_in(session, config, options);
  session->start_pumps();
  co_return std::unique_ptr<Transport>(new LibsshTransport(
      std::move(session), dialed.peer, std::move(stderr_line)));
}

LibsshTransport::~LibsshTransport() { close(); }

awaitable<std::unique_ptr<mux::Link>> LibsshTransport::exec(
    std::string command) {
  co_return co_await LibsshLink::open(session_, std::move(command),
                                      stderr_line_);
}

void LibsshTransport::close() { session_->close(); }

}  // namespace ginnel::transport
