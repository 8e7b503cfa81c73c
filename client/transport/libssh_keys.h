// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <libssh/libssh.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/transport/agent.h"

namespace ginnel::transport {

struct KeyDeleter {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
using Key = std::unique_ptr<ssh_key_struct, KeyDeleter>;

// The base64 text of the public half; empty on failure.
std::string public_base64(ssh_key key);

// The public key of the private key file `path`, from `path`.pub or, for
// OpenSSH's format, from the file itself; null when neither tells.
Key public_key_of(const std::string& path);

enum class KeyFileState { kLoaded, kEncrypted, kUnusable };

struct PrivateKey {
  KeyFileState state = KeyFileState::kUnusable;
  Key key;  // when kLoaded
};

// Reads a private key; `passphrase` may be null.
PrivateKey read_private_key(const std::string& path, const char* passphrase);

// Null when libssh may use the file; else why not: ssh refuses a private key
// that others may read, and so do we.
std::optional<std::string> key_file_problem(const std::string& path);

// Whether libssh understands the key (an agent may hold types it does not).
bool is_usable(const AgentKey& key);

}  // namespace ginnel::transport
