// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/askpass.h"

#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iostream>
#include <optional>

#include "base/strings.h"
#include "client/transport/terminal.h"
#include "client/transport/transport.h"

namespace ginnel::transport {
namespace {

constexpr const char* kPassword = "GINNEL_ASKPASS_PASSWORD";
constexpr const char* kLogins = "GINNEL_ASKPASS_LOGINS";

// As ssh does to a name before it shows it.
std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

std::optional<std::string> answer_on_terminal(const std::string& prompt) {
  // When ssh is ended, so are we, and the terminal is set back.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // A confirmation or a notice (of a FIDO key to touch) wants no text.
  if (std::getenv("SSH_ASKPASS_PROMPT")) return std::nullopt;
  auto terminal = Terminal::open();
  if (!terminal) return std::nullopt;
  const bool echo = prompt.find("yes") != prompt.npos;
  try {
    return terminal->ask(prompt, echo);
  } catch (const Interrupted&) {
    return std::nullopt;
  }
}

}  // namespace

bool is_askpass() { return std::getenv(kPassword) != nullptr; }

bool asks_password_of(std::string_view prompt, std::string_view logins) {
  if (prompt.find("assword") == prompt.npos) return false;
  while (!logins.empty()) {
    std::string_view login = logins.substr(0, logins.find('\n'));
    logins.remove_prefix(std::min(login.size() + 1, logins.size()));
    if (login.empty()) continue;
    // The methods "password" and "keyboard-interactive".
    if (prompt.starts_with(concat(login, "'s password")) ||
        prompt.starts_with(concat("(", login, ") "))) {
      return true;
    }
  }
  return false;
}

int askpass_main(int argc, char** argv) {
  if (argc < 2) return 1;
  std::string prompt = argv[1];
  const char* logins = std::getenv(kLogins);
  std::optional<std::string> answer;
  if (asks_password_of(prompt, logins ? logins : "")) {
    answer = std::getenv(kPassword);
  } else {
    answer = answer_on_terminal(prompt);
  }
  if (!answer) return 1;
  std::cout << *answer << std::endl;
  return std::cout ? 0 : 1;
}

std::vector<std::string> askpass_environment(const SshConfig& config,
                                             const SshOptions& options,
                                             const std::string& program) {
  if (!options.password) return {};
  const std::string user = options.user.empty() ? config.user() : options.user;
  std::string logins;
  for (const std::string& host :
       {config.hostname(), options.host, config.value("hostkeyalias")}) {
    if (host.empty()) continue;
    for (const std::string& shown : {host, lower_case(host)}) {
      logins += concat(user, "@", shown, "\n");
    }
  }
  return {concat("SSH_ASKPASS=", program), "SSH_ASKPASS_REQUIRE=force",
          concat(kPassword, "=", *options.password),
          concat(kLogins, "=", logins)};
}

}  // namespace ginnel::transport
