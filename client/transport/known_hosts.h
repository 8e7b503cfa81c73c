// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace ginnel::transport {

// The known_hosts files of ssh, read by ourselves: libssh reads only the first
// of several, skips @revoked lines and does not tell which line it means.
// Keys are compared by their base64 text, which has one form.

// The name a server is filed under: "host", or "[host]:port" for another port
// than 22; lower case.
std::string known_hosts_name(std::string_view host, std::uint16_t port);

// Whether `patterns`, the first field of a line, means `name`: names with `*`
// and `?`, separated by commas, a `!` excluding; or one hashed name.
bool known_hosts_match(std::string_view patterns, std::string_view name);

// `name` as HashKnownHosts writes it, with `salt` (20 random bytes).
std::string hashed_known_hosts_name(std::string_view name, Bytes salt);

// A server's public key as known_hosts writes it.
struct HostKey {
  std::string type;    // "ssh-ed25519"
  std::string base64;  // of the key blob
};

enum class HostKeyVerdict {
  kKnown,
  kUnknown,
  kChanged,  // another key of that type is on file
  kRevoked,  // a line marked @revoked has this very key
};

class KnownHosts {
 public:
  // Reads a file's text, at most 8 MiB of it; lines that are not understood
  // are passed over, as ssh does.
  void add_text(const std::string& path, std::string_view text);
  // Reads a file. One that is not there has no lines; another failure is
  // passed over too, as ssh does, with a warning in the log.
  void add_file(const std::string& path);

  // The types of the keys on file for `name`, in order, each once.
  std::vector<std::string> key_types(std::string_view name) const;

  struct Answer {
    HostKeyVerdict verdict = HostKeyVerdict::kUnknown;
    std::string file;      // of the line that decided, unless kUnknown
    std::size_t line = 0;  // counted from one
  };
  Answer check(std::string_view name, const HostKey& key) const;

  // A line for `name` has @cert-authority or @revoked.
  bool has_marker(std::string_view name) const;

 private:
  enum class Marker { kNone, kCertAuthority, kRevoked };
  struct Line {
    Marker marker = Marker::kNone;
    std::string patterns;
    HostKey key;
    std::string file;
    std::size_t number = 0;
  };
  static bool parse(std::string_view text, Line& line);

  std::vector<Line> lines_;
};

// Adds a line for the key to the file `path`, which is made (0600, and its
// folder 0700) if it is not there; the name is hashed if `hash`.
Result<void> append_known_host(const std::string& path, std::string_view name,
                               const HostKey& key, bool hash);

}  // namespace ginnel::transport
