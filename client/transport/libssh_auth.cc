// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/libssh_auth.h"

#include <array>

#include "client/transport/login.h"

namespace ginnel::transport {

struct AuthMethod {
  const char* name;
  int bit;
};

namespace {

constexpr int kMaxPartial = 8;  // methods a server may chain

// In ssh's order of preference; what libssh cannot do is left out.
constexpr std::array kMethods{
    AuthMethod{"publickey", SSH_AUTH_METHOD_PUBLICKEY},
    AuthMethod{"keyboard-interactive", SSH_AUTH_METHOD_INTERACTIVE},
    AuthMethod{"password", SSH_AUTH_METHOD_PASSWORD},
};

}  // namespace

Terminal* Login::terminal() {
  if (!terminal_tried_ && !config_.is_yes("batchmode")) {
    terminal_ = Terminal::open();
  }
  terminal_tried_ = true;
  return terminal_ ? &*terminal_ : nullptr;
}

awaitable<void> Login::run() {
  auto none = [this] { return ssh_userauth_none(raw(), nullptr); };
  Outcome outcome = co_await attempt(none, kStepLimit);
  for (int i = 0; i < kMaxPartial && outcome != Outcome::kIn; ++i) {
    int offered = ssh_userauth_list(raw(), nullptr);
    outcome = Outcome::kDenied;
    for (const AuthMethod& method : kMethods) {
      if (!(offered & method.bit) || !allowed(method)) continue;
      outcome = co_await try_method(method.bit);
      if (outcome != Outcome::kDenied) break;
    }
    if (outcome == Outcome::kDenied) fail();
  }
  if (outcome != Outcome::kIn) fail();
}

bool Login::allowed(const AuthMethod& method) const {
  if (method.bit == SSH_AUTH_METHOD_PUBLICKEY &&
      config_.value("pubkeyauthentication") == "false") {
    return false;
  }
  if (method.bit == SSH_AUTH_METHOD_INTERACTIVE &&
      config_.value("kbdinteractiveauthentication") == "no") {
    return false;
  }
  if (method.bit == SSH_AUTH_METHOD_PASSWORD &&
      config_.value("passwordauthentication") == "no") {
    return false;
  }
  std::string list = config_.value("preferredauthentications");
  if (list.empty()) return true;
  return concat(",", list, ",").find(concat(",", method.name, ",")) !=
         std::string::npos;
}

awaitable<Outcome> Login::try_method(int bit) {
  if (bit == SSH_AUTH_METHOD_PUBLICKEY) co_return co_await try_keys();
  if (bit == SSH_AUTH_METHOD_INTERACTIVE) co_return co_await try_interactive();
  co_return co_await try_password();
}

void Login::fail() const {
  int offered = ssh_userauth_list(session_->raw(), nullptr);
  std::string methods;
  for (const AuthMethod& method : kMethods) {
    if (!(offered & method.bit)) continue;
    methods += (methods.empty() ? "" : ", ") + std::string(method.name);
  }
  throw Failure(concat(
      who(), ": the server refused the log-in (tried: ",
      tried_.empty()
          ? concat("nothing, since there is no key and ", why_not_asked())
          : tried_,
      "; it takes: ", methods.empty() ? "nothing we can do" : methods, ")"));
}

awaitable<void> log_in(std::shared_ptr<LibsshSession> session, SshConfig config,
                       SshOptions options) {
  Login login(std::move(session), std::move(config), std::move(options));
  co_await login.run();
}

}  // namespace ginnel::transport
