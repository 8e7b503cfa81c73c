// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/libssh_keys.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "client/transport/sha1.h"

namespace ginnel::transport {
namespace {

// Notes that libssh wanted a passphrase, and gives none.
int refuse_passphrase(const char*, char*, std::size_t, int, int,
                      void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

}  // namespace

std::string public_base64(ssh_key key) {
  char* text = nullptr;
  if (!key || ssh_pki_export_pubkey_base64(key, &text) != SSH_OK) return {};
  std::string result(text);
  ssh_string_free_char(text);
  return result;
}

Key public_key_of(const std::string& path) {
  ssh_key key = nullptr;
  std::string pub = path + ".pub";
  if (ssh_pki_import_pubkey_file(pub.c_str(), &key) != SSH_OK &&
      ssh_pki_import_pubkey_file(path.c_str(), &key) != SSH_OK) {
    return nullptr;
  }
  return Key(key);
}

PrivateKey read_private_key(const std::string& path, const char* passphrase) {
  bool was_asked = false;
  ssh_key key = nullptr;
  int answer = ssh_pki_import_privkey_file(path.c_str(), passphrase,
                                           refuse_passphrase, &was_asked, &key);
  PrivateKey read;
  if (answer == SSH_OK) {
    read.state = KeyFileState::kLoaded;
    read.key.reset(key);
  } else if (was_asked) {
    read.state = KeyFileState::kEncrypted;
  }
  return read;
}

std::optional<std::string> key_file_problem(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || access(path.c_str(), R_OK) != 0) {
    return concat(path, ": ", std::strerror(errno));
  }
  if (info.st_uid == getuid() && (info.st_mode & 077) != 0) {
    return concat(path, " may be read by others: chmod 600 it");
  }
  return std::nullopt;
}

bool is_usable(const AgentKey& key) {
  ByteReader reader(key.blob);
  std::string type(reader.text(reader.u32()));
  ssh_keytypes_e known = ssh_key_type_from_name(type.c_str());
  std::string base64 = base64_encode(key.blob);
  ssh_key parsed = nullptr;
  if (!reader.ok() || known == SSH_KEYTYPE_UNKNOWN) return false;
  int answer = ssh_pki_import_pubkey_base64(base64.c_str(), known, &parsed);
  if (answer != SSH_OK) {
    answer = ssh_pki_import_cert_base64(base64.c_str(), known, &parsed);
  }
  Key owner(answer == SSH_OK ? parsed : nullptr);
  return answer == SSH_OK;
}

}  // namespace ginnel::transport
