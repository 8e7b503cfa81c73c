// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/libssh_auth.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "client/transport/agent.h"
#include "client/transport/libssh_keys.h"
#include "client/transport/sha1.h"
#include "client/transport/terminal.h"

namespace ginnel::transport {
namespace {

constexpr std::chrono::seconds kStepLimit{20};
// Each agent key costs a round trip inside one libssh call.
constexpr std::chrono::seconds kAgentKeyLimit{2};
constexpr int kMaxPartial = 8;   // methods a server may chain
constexpr int kMaxRounds = 10;   // of questions in keyboard-interactive
constexpr int kMaxPrompts = 16;  // in one round
constexpr const char* kLoggingIn = "logging in";

enum class Outcome { kIn, kPartial, kDenied };

struct Method {
  const char* name;
  int bit;
};
// In ssh's order of preference; what libssh cannot do is left out.
constexpr std::array kMethods{
    Method{"publickey", SSH_AUTH_METHOD_PUBLICKEY},
    Method{"keyboard-interactive", SSH_AUTH_METHOD_INTERACTIVE},
    Method{"password", SSH_AUTH_METHOD_PASSWORD},
};

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

  bool allowed(const Method& method) const;
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
  std::string tried_;
};

Terminal* Login::terminal() {
  if (!terminal_tried_ && !config_.is_yes("batchmode")) {
    terminal_ = Terminal::open();
  }
  terminal_tried_ = true;
  return terminal_ ? &*terminal_ : nullptr;
}

int Login::prompts_allowed() const {
  std::string text = config_.value("numberofpasswordprompts");
  if (text.size() != 1 || text[0] < '1' || text[0] > '9') return 3;
  return text[0] - '0';
}

// Runs one libssh authentication call to its end.
template <typename Call>
awaitable<Outcome> Login::attempt(Call call, std::chrono::seconds limit) {
  auto deadline = std::chrono::steady_clock::now() + limit;
  int answer = SSH_AUTH_ERROR;
  try {
    answer =
        co_await session_->step(call, SSH_AUTH_AGAIN, deadline, kLoggingIn);
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

awaitable<void> Login::run() {
  auto none = [this] { return ssh_userauth_none(raw(), nullptr); };
  Outcome outcome = co_await attempt(none, kStepLimit);
  for (int i = 0; i < kMaxPartial && outcome != Outcome::kIn; ++i) {
    int offered = ssh_userauth_list(raw(), nullptr);
    outcome = Outcome::kDenied;
    for (const Method& method : kMethods) {
      if (!(offered & method.bit) || !allowed(method)) continue;
      outcome = co_await try_method(method.bit);
      if (outcome != Outcome::kDenied) break;
    }
    if (outcome == Outcome::kDenied) fail();
  }
  if (outcome != Outcome::kIn) fail();
}

bool Login::allowed(const Method& method) const {
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
  for (const Method& method : kMethods) {
    if (!(offered & method.bit)) continue;
    methods += (methods.empty() ? "" : ", ") + std::string(method.name);
  }
  throw Failure(concat(
      who(), ": the server refused the log-in (tried: ",
      tried_.empty() ? "nothing, there was no key, agent or "
                       "terminal to ask on"
                     : tried_,
      "; it takes: ", methods.empty() ? "nothing we can do" : methods, ")"));
}

// ---- keys

struct KeyFile {
  std::string path;
  std::string base64;  // of its public key, when known
  bool named = false;  // by -i
  bool in_agent = false;
};

std::vector<KeyFile> key_files(const SshConfig& config,
                               const SshOptions& options) {
  std::vector<KeyFile> files;
  for (const std::string& path : config.identity_files()) {
    KeyFile file;
    file.path = path;
    file.named = std::ranges::any_of(
        options.identities,
        [&](const std::string& one) { return config.expand(one) == path; });
    auto problem = key_file_problem(path);
    Key key = public_key_of(path);
    // A .pub alone means "this key, from the agent".
    if (problem && !key) {
      if (file.named) throw Failure(concat("the key file ", *problem));
      continue;
    }
    file.base64 = public_base64(key.get());
    files.push_back(std::move(file));
  }
  return files;
}

// The agent's keys that `files` name, in the order of `files`; the rest are
// left in `keys`.
std::vector<AgentKey> take_named(std::vector<AgentKey>& keys,
                                 std::vector<KeyFile>& files) {
  std::vector<AgentKey> named;
  for (KeyFile& file : files) {
    auto found = std::ranges::find_if(keys, [&](const AgentKey& key) {
      return base64_encode(key.blob) == file.base64;
    });
    if (found == keys.end()) continue;
    file.in_agent = true;
    named.push_back(std::move(*found));
    keys.erase(found);
  }
  return named;
}

std::vector<AgentKey> agent_keys(const SshConfig& config) {
  std::string path = agent_socket_path(config);
  if (path.empty()) return {};
  auto agent = connect_agent(path);
  if (!agent) {
    log::info("ssh login: ", agent.error().message());
    return {};
  }
  auto keys = list_agent_keys(agent->get());
  if (!keys) {
    log::warning("ssh login: ", keys.error().message());
    return {};
  }
  std::erase_if(*keys, [](const AgentKey& key) { return !is_usable(key); });
  return std::move(*keys);
}

awaitable<Outcome> Login::try_keys() {
  auto files = key_files(config_, options_);
  auto others = agent_keys(config_);
  auto named = take_named(others, files);
  if (config_.is_yes("identitiesonly")) others.clear();

  // Without a named file to come between, one list saves a round trip.
  bool named_file = std::ranges::any_of(
      files, [](const KeyFile& file) { return file.named && !file.in_agent; });
  if (!named_file) {
    std::ranges::move(others, std::back_inserter(named));
    others.clear();
  }
  Outcome outcome = co_await offer_agent_keys(std::move(named));
  for (bool by_name : {true, false}) {
    for (const KeyFile& file : files) {
      if (outcome != Outcome::kDenied) co_return outcome;
      if (file.named != by_name || file.in_agent) continue;
      outcome = co_await offer_file(file.path);
    }
    if (outcome != Outcome::kDenied) co_return outcome;
    if (by_name) outcome = co_await offer_agent_keys(std::move(others));
  }
  co_return outcome;
}

awaitable<Outcome> Login::offer_agent_keys(std::vector<AgentKey> keys) {
  if (keys.empty()) co_return Outcome::kDenied;
  auto limit = kStepLimit + kAgentKeyLimit * static_cast<int>(keys.size());
  note(concat(keys.size(), keys.size() == 1 ? " agent key" : " agent keys"));
  auto agent = connect_agent(agent_socket_path(config_));
  if (!agent) throw Failure(agent.error().message());
  auto gate = AgentGate::open(std::move(*agent), std::move(keys));
  if (!gate) throw Failure(gate.error().message());
  gate_.reset();
  gate_.emplace(std::move(*gate));
  auto socket = gate_->socket_for_libssh();
  if (!socket) throw Failure(socket.error().message());
  ssh_set_agent_socket(raw(), socket->release());
  auto offer = [this] { return ssh_userauth_agent(raw(), nullptr); };
  co_return co_await attempt(offer, limit);
}

awaitable<Outcome> Login::sign(Key key) {
  ssh_key used = key.get();
  auto call = [this, used] {
    return ssh_userauth_publickey(raw(), nullptr, used);
  };
  co_return co_await attempt(call, kStepLimit);
}

awaitable<Outcome> Login::offer_file(std::string path) {
  if (auto problem = key_file_problem(path)) {
    log::warning("the key file ", *problem);
    co_return Outcome::kDenied;
  }
  PrivateKey loaded = read_private_key(path, nullptr);
  if (loaded.state == KeyFileState::kLoaded) {
    note(path);
    co_return co_await sign(std::move(loaded.key));
  }
  if (loaded.state == KeyFileState::kUnusable) {
    note(path + " (which libssh cannot read)");
    co_return Outcome::kDenied;
  }
  // A passphrase is only asked for a key that the server would take.
  if (Key pub = public_key_of(path)) {
    ssh_key offered = pub.get();
    auto call = [this, offered] {
      return ssh_userauth_try_publickey(raw(), nullptr, offered);
    };
    Outcome outcome = co_await attempt(call, kStepLimit);
    if (outcome != Outcome::kIn) {
      note(path);
      co_return outcome;
    }
  }
  loaded = ask_passphrase(path);
  if (!loaded.key) co_return Outcome::kDenied;
  note(path);
  co_return co_await sign(std::move(loaded.key));
}

PrivateKey Login::ask_passphrase(const std::string& path) {
  if (!terminal()) {
    note(path +
         " (which needs a passphrase, and there is no terminal to ask "
         "on)");
    return {};
  }
  for (int i = 0; i < 3; ++i) {
    auto answer =
        terminal()->ask(concat("Passphrase for key ", path, ": "), false);
    if (!answer || answer->empty()) break;
    PrivateKey loaded = read_private_key(path, answer->c_str());
    std::ranges::fill(*answer, '\0');
    if (loaded.key) return loaded;
  }
  note(path + " (whose passphrase was not given)");
  return {};
}

// ---- passwords

std::string Login::answer_to(const std::string& prompt, bool echo, bool only) {
  if (password_ && only && !echo) {
    std::string given = *password_;
    password_.reset();
    return given;
  }
  if (!terminal()) return {};
  return terminal()
      ->ask(concat("(", who(), ") ", printable(prompt)), echo)
      .value_or("");
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
    if (answer.empty()) co_return Outcome::kDenied;
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

}  // namespace

awaitable<void> log_in(std::shared_ptr<LibsshSession> session, SshConfig config,
                       SshOptions options) {
  Login login(std::move(session), std::move(config), std::move(options));
  co_await login.run();
}

}  // namespace ginnel::transport
