// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/host_key.h"

#include "base/log.h"
#include "base/strings.h"
#include "client/transport/shell_quote.h"
#include "client/transport/terminal.h"
#include "client/transport/transport.h"

namespace ginnel::transport {
namespace {

// ssh's own words for a type: "ED25519".
std::string short_type(const std::string& type) {
  if (type == "ssh-ed25519") return "ED25519";
  if (type == "ssh-rsa") return "RSA";
  if (type.starts_with("ecdsa-")) return "ECDSA";
  return printable(type);
}

[[noreturn]] void refuse_changed(const std::string& name,
                                 const std::string& type,
                                 const KnownHosts::Answer& answer,
                                 const std::string& fingerprint) {
  throw Failure(
      concat("the ", short_type(type), " host key of ", printable(name),
             " has changed: it is now ", fingerprint, ", and ", answer.file,
             ":", answer.line,
             " has another; someone may be listening in. If the server "
             "really has a new key, remove the old one with: ssh-keygen -f ",
             shell_quoted(answer.file), " -R ", shell_quoted(name)));
}

// Throws Failure unless the person agrees.
void ask_person(const SshConfig& config, const std::string& name,
                const std::string& type, const std::string& fingerprint) {
  std::string found =
      concat("the ", short_type(type), " host key of ", printable(name),
             " is not known (", fingerprint, ")");
  const bool batch = config.is_yes("batchmode");
  auto terminal = batch ? std::nullopt : Terminal::open();
  if (!terminal) {
    throw Failure(concat(
        found, " and ",
        batch ? "BatchMode forbids asking" : "there is no terminal to ask on",
        ": log in once with ssh and check the key, or add it to known_hosts"));
  }
  terminal->write(concat("The authenticity of host '", printable(name),
                         "' can't be established.\n", short_type(type),
                         " key fingerprint is ", fingerprint, ".\n"));
  std::string prompt =
      "Are you sure you want to continue connecting (yes/no/[fingerprint])? ";
  for (int tries = 0; tries < 5; ++tries) {
    auto answer = terminal->ask(prompt, true);
    if (!answer || *answer == "no") break;
    if (*answer == "yes" || *answer == fingerprint) return;
    prompt = "Please type 'yes', 'no' or the fingerprint: ";
  }
  throw Failure(concat(found, " and was not accepted"));
}

void remember(const SshConfig& config, const std::string& name,
              const HostKey& key) {
  auto files = config.known_hosts_files();
  if (!config.is_set("userknownhostsfile") || files.empty()) return;
  auto added = append_known_host(files.front(), name, key,
                                 config.is_yes("hashknownhosts"));
  if (added) {
    log::info("added the ", short_type(key.type), " host key of ",
              printable(name), " to ", files.front());
  } else {
    log::warning("cannot add the host key: ", added.error().message());
  }
}

}  // namespace

void check_host_key(const SshConfig& config, const KnownHosts& known,
                    const HostKey& key, const std::string& fingerprint) {
  const std::string name = config.known_hosts_name();
  auto answer = known.check(name, key);
  switch (answer.verdict) {
    case HostKeyVerdict::kKnown:
      return;
    case HostKeyVerdict::kChanged:
      refuse_changed(name, key.type, answer, fingerprint);
    case HostKeyVerdict::kRevoked:
      throw Failure(concat("the host key of ", printable(name),
                           " is revoked by ", answer.file, ":", answer.line));
    case HostKeyVerdict::kUnknown:
      break;
  }
  std::string strict = config.value("stricthostkeychecking");
  if (strict == "yes" || strict == "true") {
    throw Failure(concat("the ", short_type(key.type), " host key of ",
                         printable(name), " is not known (", fingerprint,
                         ") and StrictHostKeyChecking is yes: add it to "
                         "known_hosts"));
  }
  if (strict == "no" || strict == "false" || strict == "off") {
    log::warning("the host key of ", printable(name), " is not known (",
                 fingerprint, "), accepted since StrictHostKeyChecking is no");
  } else if (strict != "accept-new") {
    ask_person(config, name, key.type, fingerprint);
  }
  remember(config, name, key);
}

}  // namespace ginnel::transport
