// SPDX-License-Identifier: GPL-3.0-or-later
#include <string>

#include "base/strings.h"
#include "client/capture.h"
#include "client/options.h"

// The text forms that tests compare whole.
namespace ginnel {
namespace {

// Collects "name value" lines.
class Lines {
 public:
  void flag(const char* name, bool set) {
    if (set) text_ += concat(name, '\n');
  }
  void line(const char* name, const std::string& value) {
    text_ += concat(name, ' ', value, '\n');
  }
  template <typename T>
  void maybe(const char* name, const std::optional<T>& value) {
    if (value) line(name, concat(*value));
  }
  template <typename T>
  void each(const char* name, const std::vector<T>& values) {
    for (const T& value : values) line(name, concat(value));
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// Not a to_string(): a string would turn into a Lan to be given to it.
std::string lan_text(const Lan& lan) {
  if (const auto* prefix = std::get_if<Prefix>(&lan)) return to_string(*prefix);
  return "interface " + std::get<std::string>(lan);
}

}  // namespace

std::string to_string(const SshOption& option) {
  return concat(option.key, '=', option.value);
}

std::string to_string(const Options& options) {
  Lines lines;
  if (options.action == Action::kHelp) return "help\n";
  if (options.action == Action::kVersion) return "version\n";
  lines.line("remote", to_string(options.remote));
  lines.flag("transport libssh", options.transport == TransportChoice::kLibssh);
  lines.flag("transport openssh",
             options.transport == TransportChoice::kOpenssh);
  lines.each("ssh_command", options.ssh_command);
  lines.maybe("ssh_config", options.ssh_config);
  lines.each("identity", options.identity_files);
  lines.each("ssh_option", options.ssh_options);
  lines.each("include", options.includes);
  lines.each("exclude", options.excludes);
  lines.each("include_file", options.include_files);
  lines.each("exclude_file", options.exclude_files);
  lines.flag("disable_ipv6", !options.ipv6);
  lines.each("listen", options.listeners);
  for (const Lan& lan : options.lans) lines.line("lan", lan_text(lan));
  lines.maybe("user", options.user);
  lines.maybe("group", options.group);
  lines.flag("method nft", options.method == Method::kNft);
  lines.flag("dns", options.dns);
  lines.each("name_server", options.name_servers);
  lines.maybe("far_server", options.far_server);
  lines.each("dns_domain", options.dns_domains);
  lines.flag("auto_nets", options.auto_nets == AutoNets::kModest);
  lines.flag("auto_nets all", options.auto_nets == AutoNets::kAll);
  lines.flag("auto_hosts", options.auto_hosts);
  lines.each("seed_host", options.seed_hosts);
  if (options.verbose > 0) lines.line("verbose", concat(options.verbose));
  lines.flag("daemon", options.daemon);
  lines.flag("syslog", options.syslog);
  lines.maybe("pidfile", options.pidfile);
  lines.maybe("run_as", options.run_as);
  lines.each("warning", options.warnings);
  return lines.take();
}

std::string to_string(const Capture& capture) {
  Lines lines;
  lines.each("rule", capture.rules);
  lines.each("listen", capture.listeners);
  lines.maybe("uid", capture.uid);
  lines.maybe("gid", capture.gid);
  lines.each("warning", capture.warnings);
  return lines.take();
}

}  // namespace ginnel
