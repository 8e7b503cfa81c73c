// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "client/transport/agent.h"
#include "client/transport/libssh_keys.h"
#include "client/transport/libssh_session.h"
#include "client/transport/ssh_config.h"
#include "client/transport/terminal.h"

namespace ginnel::transport {

// The most that one step of a log-in may take.
inline constexpr std::chrono::seconds kStepLimit{20};

enum class Outcome { kIn, kPartial, kDenied };

struct AuthMethod;

// One log-in over libssh: what log_in() (libssh_auth.h) runs. libssh_auth.cc
// goes through the methods, login_keys.cc offers keys, login_password.cc
// answers questions.
class Login {
 public:
  Login(std::shared_ptr<LibsshSession> session, SshConfig config,
        SshOptions options)
      : session_(std::move(session)),
        config_(std::move(config)),
        options_(std::move(options)),
        password_(options_.password) {}

  awaitable<void> run();

 private:
  template <typename Call>
  awaitable<Outcome> attempt(Call call, std::chrono::seconds limit);

  bool allowed(const AuthMethod& method) const;
  awaitable<Outcome> try_method(int bit);

  awaitable<Outcome> try_keys();
  awaitable<Outcome> offer_agent_keys(std::vector<AgentKey> keys);
  awaitable<Outcome> offer_file(std::string path);
  awaitable<Outcome> sign(Key key);
  PrivateKey ask_passphrase(const std::string& path);

  awaitable<Outcome> try_interactive();
  void answer_prompts();
  std::string answer_to(const std::string& prompt, bool echo, bool only);
  awaitable<Outcome> try_password();

  ssh_session raw() const { return session_->raw(); }
  std::string who() const {
    return concat(printable(config_.user()), "@",
                  printable(config_.hostname()));
  }
  int prompts_allowed() const;
  Terminal* terminal();
  const char* why_not_asked() const {
    return config_.is_yes("batchmode") ? "BatchMode forbids asking"
                                       : "there is no terminal to ask on";
  }
  void note(const std::string& what) {
    log::debug("ssh login: tried ", what);
    tried_ += (tried_.empty() ? "" : ", ") + what;
  }
  [[noreturn]] void fail() const;

  std::shared_ptr<LibsshSession> session_;
  SshConfig config_;
  SshOptions options_;
  std::optional<std::string> password_;  // until it has been tried
  std::optional<Terminal> terminal_;
  bool terminal_tried_ = false;
  std::optional<AgentGate> gate_;
  int agent_socket_ = -1;  // libssh's
  std::string tried_;
};

// Runs one libssh authentication call to its end.
template <typename Call>
awaitable<Outcome> Login::attempt(Call call, std::chrono::seconds limit) {
  auto deadline = std::chrono::steady_clock::now() + limit;
  int answer = SSH_AUTH_ERROR;
  try {
    answer =
        co_await session_->step(call, SSH_AUTH_AGAIN, deadline, "logging in");
  } catch (const Failure& failure) {
    std::string reason = failure.what();
    if (reason.find("Too many authentication failures") != reason.npos) {
      reason += concat(" (tried: ", tried_,
                       "); name the one right key with -i FILE and "
                       "-o IdentitiesOnly=yes");
    }
    throw Failure(concat(who(), ": ", reason));
  }
  if (answer == SSH_AUTH_SUCCESS) co_return Outcome::kIn;
  if (answer == SSH_AUTH_PARTIAL) co_return Outcome::kPartial;
  if (answer == SSH_AUTH_DENIED) co_return Outcome::kDenied;
  throw Failure(
      concat(who(), ": logging in: ", printable(ssh_get_error(raw()))));
}

}  // namespace ginnel::transport
