// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/remote_spec.h"

#include <algorithm>
#include <cctype>

#include "base/net_types.h"
#include "base/strings.h"

namespace ginnel {
namespace {

// RFC 1035's 253 for a name, and room for an alias of ssh_config.
constexpr std::size_t kMaxHost = 255;
constexpr std::size_t kMaxUser = 255;
constexpr std::size_t kMaxPassword = 1024;

// OpenSSH's list (valid_hostname and valid_ruser in its ssh.c): what a shell
// that runs a ProxyCommand could take for its own.
constexpr std::string_view kShellBytes = "'`\"$\\;&<>|(){}";

bool is_plain(std::string_view text) {
  return !text.starts_with('-') &&
         std::all_of(text.begin(), text.end(), [](unsigned char byte) {
           return byte > ' ' && byte != 0x7f &&
                  kShellBytes.find(byte) == std::string_view::npos;
         });
}

// What stands before a URL's "://"; nothing when `text` is none.
std::optional<std::string_view> url_scheme(std::string_view text) {
  std::size_t end = text.find("://");
  bool scheme =
      end != std::string_view::npos && end > 0 &&
      std::all_of(text.begin(), text.begin() + end, [](unsigned char byte) {
        return std::isalnum(byte) || byte == '+' || byte == '-' || byte == '.';
      });
  return scheme ? std::optional(text.substr(0, end)) : std::nullopt;
}

// Without what follows '%': fe80::1%eth0.
bool is_ipv6(std::string_view text) {
  auto address = IpAddress::parse(text.substr(0, text.find('%')));
  return address && address->family() == Family::kIpv6;
}

// The host and port of a -r value, and the value without its password, for
// messages.
class HostPort {
 public:
  HostPort(std::string_view text, std::string shown)
      : text_(text), shown_(std::move(shown)) {}

  Result<void> into(Remote& remote) const {
    if (text_.starts_with('[')) return bracketed(remote);
    std::size_t colons = std::count(text_.begin(), text_.end(), ':');
    if (colons > 1 && !is_ipv6(text_)) {
      return wrong(
          "is no IPv6 address and has more than one colon; write "
          "HOST:PORT or [ADDRESS]:PORT");
    }
    std::size_t end = colons == 1 ? text_.find(':') : text_.size();
    return set(remote, text_.substr(0, end), text_.substr(end));
  }

 private:
  Result<void> bracketed(Remote& remote) const {
    std::size_t end = text_.find(']');
    if (end == std::string_view::npos) {
      return wrong("has a [ without its ]; write [ADDRESS]:PORT");
    }
    std::string_view address = text_.substr(1, end - 1);
    if (!is_ipv6(address)) {
      return wrong(concat("has no IPv6 address in its brackets: \"",
                          printable(address), "\""));
    }
    return set(remote, address, text_.substr(end + 1));
  }

  // `rest` is empty or ":PORT".
  Result<void> set(Remote& remote, std::string_view host,
                   std::string_view rest) const {
    if (host.empty()) return wrong("names no host; write USER@HOST");
    if (host.size() > kMaxHost || !is_plain(host)) {
      return wrong(concat("\"", printable(host, 40), "\" cannot be a host"));
    }
    remote.host = host;
    if (rest.empty()) return {};
    remote.port = rest[0] == ':' ? parse_port(rest.substr(1)) : std::nullopt;
    if (!remote.port) {
      return wrong(concat("\"", printable(rest),
                          "\" is not a port; write :22, "
                          "or any from :1 to :65535"));
    }
    return {};
  }

  Error wrong(std::string_view what) const {
    return Error(concat("-r ", shown_, ": ", what));
  }

  std::string_view text_;
  std::string shown_;
};

}  // namespace

Result<Remote> parse_remote(std::string_view text) {
  if (auto scheme = url_scheme(text)) {
    return Error(concat("-r ", printable(*scheme, 40),
                        "://...: this is a URL; write [USER@]HOST[:PORT]"));
  }
  Remote remote;
  std::size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    std::string_view login = text.substr(0, at);
    std::size_t colon = login.find(':');
    remote.user = login.substr(0, colon);
    // An empty password is none, as in sshuttle.
    if (colon != std::string_view::npos && colon + 1 < login.size()) {
      remote.password = login.substr(colon + 1);
    }
  }
  std::string_view host =
      at == std::string_view::npos ? text : text.substr(at + 1);
  std::string shown = printable(host, kMaxHost);
  if (remote.user.size() > kMaxUser || !is_plain(remote.user)) {
    return Error(concat("-r ...@", shown, ": \"", printable(remote.user, 40),
                        "\" cannot be a user's name"));
  }
  if (remote.password && remote.password->size() > kMaxPassword) {
    return Error(concat("-r ...@", shown, ": the password is longer than ",
                        kMaxPassword, " bytes"));
  }
  if (auto set = HostPort(host, shown).into(remote); !set) return set.error();
  return remote;
}

std::string to_string(const Remote& remote) {
  std::string result = remote.user;
  if (remote.password) result += ":***";
  if (!result.empty()) result += '@';
  bool brackets = remote.host.find(':') != std::string::npos;
  result += brackets ? "[" + remote.host + "]" : remote.host;
  if (remote.port) result += concat(':', *remote.port);
  return result;
}

}  // namespace ginnel
