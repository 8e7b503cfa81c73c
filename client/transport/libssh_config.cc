// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/libssh_config.h"

#include <libssh/libssh.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace ginnel::transport {
namespace {

using Session = std::unique_ptr<ssh_session_struct, void (*)(ssh_session)>;

// -o settings as a configuration file, which the first value of a key wins.
Result<void> apply_settings(ssh_session session,
                            const std::vector<std::string>& settings) {
  if (settings.empty()) return {};
  std::string text;
  for (std::string setting : settings) {
    std::size_t equals = setting.find('=');
    if (equals != setting.npos) setting[equals] = ' ';
    text += setting + "\n";
  }
  UniqueFd file(memfd_create("ssh_config", MFD_CLOEXEC));
  if (!file || write(file.get(), text.data(), text.size()) !=
                   static_cast<ssize_t>(text.size())) {
    return Error::from_errno(errno, "-o settings");
  }
  std::string path = concat("/proc/self/fd/", file.get());
  if (ssh_options_parse_config(session, path.c_str()) != SSH_OK) {
    return Error(concat("-o: ", printable(ssh_get_error(session))));
  }
  return {};
}

std::string option(ssh_session session, ssh_options_e which) {
  char* value = nullptr;
  if (ssh_options_get(session, which, &value) != SSH_OK || !value) return {};
  std::string text(value);
  ssh_string_free_char(value);
  return text;
}

SshConfig values_of(ssh_session session, const SshOptions& options) {
  SshConfig config;
  config.set("host", options.host);
  config.set("hostname", option(session, SSH_OPTIONS_HOST));
  config.set("user", option(session, SSH_OPTIONS_USER));
  unsigned port = 22;
  ssh_options_get_port(session, &port);
  config.set("port", std::to_string(options.port.value_or(port)));
  config.set("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2");
  config.set("globalknownhostsfile", "/etc/ssh/ssh_known_hosts");
  config.set("stricthostkeychecking", "ask");
  std::string proxy = option(session, SSH_OPTIONS_PROXYCOMMAND);
  if (!proxy.empty()) config.set("proxycommand", proxy);
  for (const std::string& file : options.identities) {
    config.add("identityfile", file);
  }
  for (const char* name : {"id_rsa", "id_ecdsa", "id_ed25519"}) {
    config.add("identityfile", concat("~/.ssh/", name));
  }
  return config;
}

}  // namespace

Result<SshConfig> resolve_by_libssh(const SshOptions& options) {
  Session session(ssh_new(), ssh_free);
  if (!session) return Error("out of memory");
  ssh_options_set(session.get(), SSH_OPTIONS_HOST, options.host.c_str());
  if (!options.user.empty()) {
    ssh_options_set(session.get(), SSH_OPTIONS_USER, options.user.c_str());
  }
  auto applied = apply_settings(session.get(), options.settings);
  if (!applied) return applied.error();
  const char* file =
      options.config_file.empty() ? nullptr : options.config_file.c_str();
  if (ssh_options_parse_config(session.get(), file) != SSH_OK) {
    return Error(concat("cannot read the ssh configuration: ",
                        printable(ssh_get_error(session.get()))));
  }
  return values_of(session.get(), options);
}

}  // namespace ginnel::transport
