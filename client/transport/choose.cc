// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/choose.h"

#include <array>

#include "base/strings.h"

namespace ginnel::transport {
namespace {

// A key of `ssh -G` and the values that libssh does as well as ssh does (a key
// that is not printed, or says "none", never decides). Anything else needs the
// program. A stock GSSAPIAuthentication yes is absent on purpose: Debian sets
// it for everyone, and few have a ticket; so are ControlMaster and ControlPath,
// since a link of ours is always a connection of its own.
struct Decisive {
  const char* key;
  const char* name;
  const char* harmless;   // this value does not decide
  const char* harmless2;  // nor does this; may be null
};

constexpr std::array kDecisive{
    Decisive{"certificatefile", "CertificateFile", "none", nullptr},
    Decisive{"pkcs11provider", "PKCS11Provider", "none", nullptr},
    Decisive{"securitykeyprovider", "SecurityKeyProvider", "internal", nullptr},
    Decisive{"proxycommand", "ProxyCommand", "none", nullptr},
    Decisive{"proxyjump", "ProxyJump", "none", nullptr},
    Decisive{"hostbasedauthentication", "HostbasedAuthentication", "no",
             "false"},
    Decisive{"gssapidelegatecredentials", "GSSAPIDelegateCredentials", "no",
             "false"},
    Decisive{"knownhostscommand", "KnownHostsCommand", "none", nullptr},
    Decisive{"verifyhostkeydns", "VerifyHostKeyDNS", "no", "false"},
    Decisive{"revokedhostkeys", "RevokedHostKeys", "none", nullptr},
    Decisive{"permitlocalcommand", "PermitLocalCommand", "no", "false"},
    Decisive{"bindaddress", "BindAddress", "none", nullptr},
    Decisive{"bindinterface", "BindInterface", "none", nullptr},
    Decisive{"nohostauthenticationforlocalhost",
             "NoHostAuthenticationForLocalhost", "no", "false"},
};

bool decides(const Decisive& row, const std::string& value) {
  return !value.empty() && value != "none" && value != row.harmless &&
         !(row.harmless2 && value == row.harmless2);
}

Choice openssh(std::string reason) {
  Choice choice;
  choice.kind = Kind::kOpenssh;
  choice.reason = std::move(reason);
  return choice;
}

}  // namespace

Choice choose(const SshConfig& config, const Circumstances& circumstances) {
  if (circumstances.own_command) return openssh("-e names the ssh command");
  for (const Decisive& row : kDecisive) {
    if (decides(row, config.value(row.key))) {
      return openssh(concat(row.name, " is set"));
    }
  }
  if (circumstances.known_hosts_marker) {
    return openssh("known_hosts has a marked line for it");
  }
  if (circumstances.unheld_security_key) {
    return openssh("a FIDO key is not in the agent");
  }
  Choice choice;
  choice.reason = circumstances.has_password
                      ? "a password is given"
                      : "nothing in the ssh configuration needs ssh itself";
  return choice;
}

}  // namespace ginnel::transport
