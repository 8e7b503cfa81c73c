// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/known_hosts.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "client/transport/sha1.h"

namespace ginnel::transport {
namespace {

constexpr std::size_t kMaxFile = 8 << 20;
constexpr std::string_view kHashMagic = "|1|";
constexpr std::string_view kBlanks = " \t\r";

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

// The first word of `rest`, which is cut to what follows it.
std::string_view next_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
  rest.remove_prefix(word.size());
  return word;
}

bool hashed_match(std::string_view hashed, std::string_view name) {
  hashed.remove_prefix(kHashMagic.size());
  std::size_t bar = hashed.find('|');
  if (bar == hashed.npos) return false;
  auto salt = base64_decode(hashed.substr(0, bar));
  auto digest = base64_decode(hashed.substr(bar + 1));
  if (!salt || !digest) return false;
  Sha1Digest expected = hmac_sha1(*salt, as_bytes(name));
  return std::ranges::equal(*digest, expected);
}

// ssh's patterns have `*` and `?` alone: a bracket is a bracket.
bool glob_match(std::string_view pattern, const std::string& name) {
  std::string escaped;
  for (char c : lower(pattern)) {
    if (c == '[' || c == ']' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return fnmatch(escaped.c_str(), name.c_str(), 0) == 0;
}

Result<std::string> read_file(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, path);
  std::string text;
  std::array<char, 65536> buffer;
  while (text.size() < kMaxFile) {
    ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, path);
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

std::string known_hosts_name(std::string_view host, std::uint16_t port) {
  if (port == 22) return lower(host);
  return concat("[", lower(host), "]:", port);
}

bool known_hosts_match(std::string_view patterns, std::string_view name) {
  if (patterns.starts_with(kHashMagic)) return hashed_match(patterns, name);
  const std::string wanted(name);
  bool matched = false;
  while (!patterns.empty()) {
    std::string_view pattern = patterns.substr(0, patterns.find(','));
    patterns.remove_prefix(std::min(pattern.size() + 1, patterns.size()));
    bool excludes = pattern.starts_with('!');
    if (excludes) pattern.remove_prefix(1);
    if (!glob_match(pattern, wanted)) continue;
    if (excludes) return false;
    matched = true;
  }
  return matched;
}

std::string hashed_known_hosts_name(std::string_view name, Bytes salt) {
  return concat(kHashMagic, base64_encode(salt), "|",
                base64_encode(hmac_sha1(salt, as_bytes(name))));
}

bool KnownHosts::parse(std::string_view text, Line& line) {
  std::string_view word = next_word(text);
  if (word.empty() || word.starts_with('#')) return false;
  if (word.starts_with('@')) {
    if (word == "@cert-authority") {
      line.marker = Marker::kCertAuthority;
    } else if (word == "@revoked") {
      line.marker = Marker::kRevoked;
    } else {
      return false;
    }
    word = next_word(text);
  }
  line.patterns = word;
  line.key.type = next_word(text);
  line.key.base64 = next_word(text);
  return !line.key.base64.empty();
}

void KnownHosts::add_text(const std::string& path, std::string_view text) {
  text = text.substr(0, kMaxFile);
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view row = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(row.size() + 1, text.size()));
    Line line;
    if (!parse(row, line)) continue;
    line.file = path;
    line.number = number;
    lines_.push_back(std::move(line));
  }
}

void KnownHosts::add_file(const std::string& path) {
  if (path == "none") return;
  auto text = read_file(path);
  if (text) {
    add_text(path, *text);
  } else if (text.error().code() != std::errc::no_such_file_or_directory) {
    log::warning("known hosts: ", text.error().message());
  }
}

std::vector<std::string> KnownHosts::key_types(std::string_view name) const {
  std::vector<std::string> types;
  for (const Line& line : lines_) {
    if (line.marker != Marker::kNone) continue;
    if (std::ranges::find(types, line.key.type) != types.end()) continue;
    if (known_hosts_match(line.patterns, name)) types.push_back(line.key.type);
  }
  return types;
}

KnownHosts::Answer KnownHosts::check(std::string_view name,
                                     const HostKey& key) const {
  Answer answer;
  for (const Line& line : lines_) {
    bool same = line.key.base64 == key.base64;
    if (line.marker == Marker::kCertAuthority) continue;
    if (line.marker == Marker::kRevoked && !same) continue;
    if (!known_hosts_match(line.patterns, name)) continue;
    if (line.marker == Marker::kRevoked) {
      return {HostKeyVerdict::kRevoked, line.file, line.number};
    }
    if (same && answer.verdict != HostKeyVerdict::kKnown) {
      answer = {HostKeyVerdict::kKnown, line.file, line.number};
    } else if (answer.verdict == HostKeyVerdict::kUnknown) {
      answer = {HostKeyVerdict::kChanged, line.file, line.number};
    }
  }
  return answer;
}

bool KnownHosts::has_marker(std::string_view name) const {
  return std::ranges::any_of(lines_, [&](const Line& line) {
    return line.marker != Marker::kNone &&
           known_hosts_match(line.patterns, name);
  });
}

Result<void> append_known_host(const std::string& path, std::string_view name,
                               const HostKey& key, bool hash) {
  std::string folder = path.substr(0, path.find_last_of('/') + 1);
  if (!folder.empty()) mkdir(folder.c_str(), 0700);
  UniqueFd fd(
      open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return Error::from_errno(errno, path);

  std::array<std::byte, 20> salt;
  if (hash && getentropy(salt.data(), salt.size()) != 0) {
    return Error::from_errno(errno, "random bytes");
  }
  // An editor may have left the last line without its end.
  char last = '\n';
  off_t size = lseek(fd.get(), 0, SEEK_END);
  if (size > 0 && pread(fd.get(), &last, 1, size - 1) != 1) last = '\n';
  std::string field(name);
  if (hash) field = hashed_known_hosts_name(name, salt);
  std::string line = concat(last == '\n' ? "" : "\n", field, " ", key.type, " ",
                            key.base64, "\n");
  ssize_t wrote = write(fd.get(), line.data(), line.size());
  if (wrote != static_cast<ssize_t>(line.size())) {
    return Error::from_errno(wrote < 0 ? errno : ENOSPC, path);
  }
  return {};
}

}  // namespace ginnel::transport
