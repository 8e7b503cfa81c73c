// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/ssh_config.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/net_types.h"
#include "base/strings.h"
#include "client/transport/child.h"
#include "client/transport/known_hosts.h"
#include "client/transport/libssh_config.h"

namespace ginnel::transport {
namespace {

constexpr std::size_t kMaxLines = 4096;
// `Match exec` and canonical names may ask the network.
constexpr std::chrono::seconds kSshGLimit{20};

std::string home_folder(const std::string& user = {}) {
  if (user.empty()) {
    const passwd* entry = getpwuid(getuid());
    if (entry) return entry->pw_dir;
    const char* home = std::getenv("HOME");
    return home ? home : "/";
  }
  const passwd* entry = getpwnam(user.c_str());
  return entry ? entry->pw_dir : "~" + user;
}

std::string local_user() {
  const passwd* entry = getpwuid(getuid());
  return entry ? entry->pw_name : std::to_string(getuid());
}

std::string local_host() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

// The last line of what ssh said, but for its "terminating, 1 bad option".
std::string complaint(std::string_view text) {
  for (;;) {
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    std::size_t begin = text.find_last_of('\n') + 1;
    std::string_view line = text.substr(begin);
    if (begin == 0 || line.find(": terminating, ") == line.npos) {
      return printable(line);
    }
    text = text.substr(0, begin);
  }
}

std::vector<std::string> blank_separated(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

bool no_such_program(const Error& error) {
  return error.code() == std::errc::no_such_file_or_directory;
}

}  // namespace

Result<SshConfig> SshConfig::parse(std::string_view text) {
  SshConfig config;
  for (std::size_t lines = 0; !text.empty(); ++lines) {
    if (lines == kMaxLines) return Error("ssh -G printed too many lines");
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::size_t space = line.find(' ');
    if (space == 0 || space == line.npos) continue;
    config.add(std::string(line.substr(0, space)),
               std::string(line.substr(space + 1)));
  }
  if (config.hostname().empty() || !parse_port(config.value("port"))) {
    return Error("ssh -G printed no hostname and port");
  }
  return config;
}

std::string SshConfig::value(const std::string& key) const {
  auto found = values_.find(key);
  return found == values_.end() ? std::string() : found->second.front();
}

std::vector<std::string> SshConfig::values(const std::string& key) const {
  auto found = values_.find(key);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

void SshConfig::set(const std::string& key, std::string value) {
  values_[key] = {std::move(value)};
}

void SshConfig::add(const std::string& key, std::string value) {
  values_[key].push_back(std::move(value));
}

bool SshConfig::is_yes(const std::string& key) const {
  std::string text = value(key);
  return text == "yes" || text == "true";
}

bool SshConfig::is_set(const std::string& key) const {
  std::string text = value(key);
  return !text.empty() && text != "none";
}

std::uint16_t SshConfig::port() const {
  return parse_port(value("port")).value_or(22);
}

std::optional<std::chrono::seconds> SshConfig::connect_timeout() const {
  std::string text = value("connecttimeout");
  if (text.empty() || text.size() > 6 ||
      text.find_first_not_of("0123456789") != text.npos) {
    return std::nullopt;
  }
  return std::chrono::seconds(std::stoi(text));
}

std::vector<std::string> SshConfig::known_hosts_files() const {
  std::vector<std::string> files;
  for (const char* key : {"userknownhostsfile", "globalknownhostsfile"}) {
    for (const std::string& list : values(key)) {
      for (const std::string& path : blank_separated(list)) {
        files.push_back(expand(path));
      }
    }
  }
  return files;
}

std::vector<std::string> SshConfig::identity_files() const {
  std::vector<std::string> files;
  for (const std::string& path : values("identityfile")) {
    if (path != "none") files.push_back(expand(path));
  }
  return files;
}

std::string SshConfig::known_hosts_name() const {
  if (is_set("hostkeyalias")) {
    return transport::known_hosts_name(value("hostkeyalias"), 22);
  }
  return transport::known_hosts_name(hostname(), port());
}

std::string SshConfig::expand(std::string_view path) const {
  std::string result;
  if (path.starts_with('~')) {
    std::string_view user = path.substr(1, path.find('/') - 1);
    if (path.find('/') == path.npos) user = path.substr(1);
    result = home_folder(std::string(user));
    path.remove_prefix(1 + user.size());
  }
  while (!path.empty()) {
    std::size_t brace = path.find('}');
    if (path.starts_with("${") && brace != path.npos) {
      std::string name(path.substr(2, brace - 2));
      if (const char* text = std::getenv(name.c_str())) result += text;
      path.remove_prefix(brace + 1);
    } else if (path.size() > 1 && path[0] == '%') {
      switch (path[1]) {
        case 'd':
          result += home_folder();
          break;
        case 'h':
          result += hostname();
          break;
        case 'i':
          result += std::to_string(getuid());
          break;
        case 'k':
          result += is_set("hostkeyalias") ? value("hostkeyalias") : hostname();
          break;
        case 'l':
          result += local_host();
          break;
        case 'n':
          result += value("host");
          break;
        case 'p':
          result += value("port");
          break;
        case 'r':
          result += user();
          break;
        case 'u':
          result += local_user();
          break;
        default:
          result += path[1];
          break;
      }
      path.remove_prefix(2);
    } else {
      result += path.front();
      path.remove_prefix(1);
    }
  }
  return result;
}

std::vector<std::string> ssh_arguments(const SshOptions& options) {
  std::vector<std::string> arguments;
  auto add = [&](const char* flag, const std::string& value) {
    arguments.emplace_back(flag);
    arguments.push_back(value);
  };
  if (!options.config_file.empty()) add("-F", options.config_file);
  for (const std::string& file : options.identities) add("-i", file);
  for (const std::string& setting : options.settings) add("-o", setting);
  if (options.port) add("-p", std::to_string(*options.port));
  if (!options.user.empty()) add("-l", options.user);
  return arguments;
}

Result<SshConfig> resolve_ssh_config(const SshOptions& options) {
  std::vector<std::string> command{"ssh"};
  for (std::string& argument : ssh_arguments(options)) {
    command.push_back(std::move(argument));
  }
  for (const char* argument : {"-G", "--"}) command.emplace_back(argument);
  command.push_back(options.host);

  auto output = run_program(command, kSshGLimit);
  if (!output && no_such_program(output.error())) {
    return resolve_by_libssh(options);
  }
  if (!output) return output.error().in("reading the ssh configuration");
  if (output->status != 0) {
    return Error(concat("ssh does not accept its configuration for ",
                        printable(options.host), ": ", complaint(output->err)));
  }
  auto config = SshConfig::parse(output->out);
  if (config && !config->has("host")) config->set("host", options.host);
  return config;
}

SshConfig ssh_defaults() {
  auto output =
      run_program({"ssh", "-F", "/dev/null", "-G", "--", "host"}, kSshGLimit);
  if (!output) return {};
  auto config = SshConfig::parse(output->out);
  return config ? *config : SshConfig();
}

}  // namespace ginnel::transport
