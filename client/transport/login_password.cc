// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>

#include "client/transport/login.h"

namespace ginnel::transport {
namespace {

constexpr int kMaxRounds = 10;   // of questions in keyboard-interactive
constexpr int kMaxPrompts = 16;  // in one round

}  // namespace

int Login::prompts_allowed() const {
  std::string text = config_.value("numberofpasswordprompts");
  if (text.size() != 1 || text[0] < '1' || text[0] > '9') return 3;
  return text[0] - '0';
}

std::string Login::answer_to(const std::string& prompt, bool echo, bool only) {
  if (password_ && only && !echo) {
    std::string given = *password_;
    password_.reset();
    return given;
  }
  if (!terminal()) return {};
  auto answer =
      terminal()->ask(concat("(", who(), ") ", printable(prompt)), echo);
  if (!answer) throw Failure(who() + ": the question was not answered");
  return *std::move(answer);
}

void Login::answer_prompts() {
  int count = ssh_userauth_kbdint_getnprompts(raw());
  if (count > kMaxPrompts) throw Failure(who() + ": too many questions");
  for (int i = 0; i < count; ++i) {
    auto index = static_cast<unsigned>(i);
    char echo = 0;
    const char* prompt = ssh_userauth_kbdint_getprompt(raw(), index, &echo);
    std::string answer = answer_to(prompt ? prompt : "", echo != 0, count == 1);
    ssh_userauth_kbdint_setanswer(raw(), index, answer.c_str());
    std::ranges::fill(answer, '\0');
  }
}

awaitable<Outcome> Login::try_interactive() {
  for (int tries = 0; tries < prompts_allowed(); ++tries) {
    if (!password_ && !terminal()) co_return Outcome::kDenied;
    Outcome outcome = Outcome::kDenied;
    bool asked = false;
    for (int rounds = 0; rounds < kMaxRounds; ++rounds) {
      // A question is libssh's third answer, beside yes and no.
      bool question = false;
      auto call = [this, &question] {
        int answer = ssh_userauth_kbdint(raw(), nullptr, nullptr);
        question = answer == SSH_AUTH_INFO;
        return question ? static_cast<int>(SSH_AUTH_DENIED) : answer;
      };
      outcome = co_await attempt(call, kStepLimit);
      if (!question) break;
      asked = asked || ssh_userauth_kbdint_getnprompts(raw()) > 0;
      answer_prompts();
    }
    if (tries == 0) note("keyboard-interactive");
    if (outcome != Outcome::kDenied || !asked) co_return outcome;
  }
  co_return Outcome::kDenied;
}

awaitable<Outcome> Login::try_password() {
  for (int tries = 0; tries < prompts_allowed(); ++tries) {
    if (!password_ && !terminal()) co_return Outcome::kDenied;
    std::string answer = answer_to("Password: ", false, true);
    const char* text = answer.c_str();
    auto call = [this, text] {
      return ssh_userauth_password(raw(), nullptr, text);
    };
    Outcome outcome = co_await attempt(call, kStepLimit);
    std::ranges::fill(answer, '\0');
    if (tries == 0) note("password");
    if (outcome != Outcome::kDenied) co_return outcome;
  }
  co_return Outcome::kDenied;
}

}  // namespace ginnel::transport
