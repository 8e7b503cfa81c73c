// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "client/transport/ssh_config.h"

namespace ginnel::transport {

// The ssh-agent protocol (draft-miller-ssh-agent), as far as a log-in needs it.

struct AgentKey {
  std::vector<std::byte> blob;  // the public key, as SSH sends it
  std::string comment;
};

// The agent's socket: IdentityAgent, else SSH_AUTH_SOCK. Empty: none.
std::string agent_socket_path(const SshConfig& config);

// Connects; an agent that does not answer within ten seconds is an error.
Result<UniqueFd> connect_agent(const std::string& path);

// Asks which keys it holds; at most 1024.
Result<std::vector<AgentKey>> list_agent_keys(int agent);

// Reads the answer to a request for identities (pure).
Result<std::vector<AgentKey>> parse_identities(Bytes answer);
// And writes one (pure).
std::vector<std::byte> identities_answer(const std::vector<AgentKey>& keys);

// Stands between libssh and the agent and shows libssh only the keys we mean
// to offer, in our order: libssh offers every key it finds, knows no
// IdentitiesOnly, and waits for an agent for ever. Requests to sign go
// through; an agent that takes longer than 30 s over one (a person has to
// touch a key) is given up.
//
// libssh talks to an agent with blocking calls, so the gate answers from a
// thread of its own. The thread owns all it touches: two descriptors and the
// list.
class AgentGate {
 public:
  static Result<AgentGate> open(UniqueFd agent, std::vector<AgentKey> keys);

  AgentGate(AgentGate&&) = default;
  AgentGate& operator=(AgentGate&&) = delete;
  // Ends the thread.
  ~AgentGate();

  // A descriptor for ssh_set_agent_socket, which owns it from then on.
  Result<UniqueFd> socket_for_libssh() const;

 private:
  AgentGate(UniqueFd near, std::thread worker)
      : near_(std::move(near)), worker_(std::move(worker)) {}

  UniqueFd near_;
  std::thread worker_;
};

}  // namespace ginnel::transport
