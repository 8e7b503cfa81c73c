// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/net_types.h"
#include "mux/session.h"

namespace ginnel {

// Answers captured look-ups: from names that are known here, from the far end,
// or, for names outside --dns-domain, from where they would have gone. Whoever
// asked, and how, is not its business. Answers carry the query's id and
// question as they were sent.
class LookUps {
 public:
  // Empty: nothing is to be said.
  using Done = std::function<void(std::vector<std::byte> answer)>;

  // A query, and where it was going.
  struct Query {
    std::vector<std::byte> message;
    bool over_tcp = false;
    // Where the asker sent it; nothing when that cannot be told. Called only
    // for a query that goes on there.
    std::function<std::optional<Endpoint>()> server;
  };

  // Others that have a say. Each may be empty.
  struct Hooks {
    // The answer, if it is known here.
    std::function<std::optional<std::vector<std::byte>>(Bytes query)> known;
    // Called with each answer of the far end before it is passed on.
    std::function<void(Bytes query, Bytes answer)> answered;
    // Puts a query to `server`, outside the tunnel; false when it cannot. To
    // be given an empty answer when there is none.
    std::function<bool(Query query, const Endpoint& server, Done done)>
        elsewhere;
  };

  // At once. A stub resolver asks some four queries for a name.
  static constexpr std::size_t kMaxPending = 1024;

  // `servers` are asked at the far end; none: its own. With `domains` only
  // names in one of these go there. `session` must outlive the last call.
  LookUps(mux::Session& session, std::vector<Endpoint> servers,
          std::vector<std::string> domains, Hooks hooks);

  // Calls `done` once, now or later. What is no query, or longer than
  // names::kMaxDnsQuery, is answered so; what is
  // an answer, or no DNS message at all, is not answered, so that no two who
  // mistake each other for askers go on for ever.
  void ask(Query query, Done done);

 private:
  struct State;

  bool goes_to_far_end(Bytes query) const;
  void ask_far_end(Query query, Done done);
  void ask_elsewhere(Query query, Done done);

  mux::Session& session_;
  const std::vector<Endpoint> servers_;
  const std::vector<std::string> domains_;  // in lower case
  // Outlives this for answers that come too late.
  std::shared_ptr<State> state_;
};

}  // namespace ginnel
