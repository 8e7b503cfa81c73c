// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <chrono>
#include <iterator>

#include "client/transport/login.h"
#include "client/transport/sha1.h"

namespace ginnel::transport {
namespace {

// Each agent key costs a round trip inside one libssh call.
constexpr std::chrono::seconds kAgentKeyLimit{2};

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

}  // namespace

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
  // libssh closes only the last descriptor it was given.
  UniqueFd earlier(std::exchange(agent_socket_, socket->get()));
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
    note(
        concat(path, " (which needs a passphrase, and ", why_not_asked(), ")"));
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

}  // namespace ginnel::transport
