// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/dns/look_ups.h"

#include <algorithm>
#include <utility>

#include "client/dns/far_request.h"
#include "names/dns_build.h"
#include "names/dns_message.h"
#include "names/messages.h"

namespace ginnel {
namespace {

using Message = std::vector<std::byte>;

// `answer` if it is one to `query`, else what says that there is none.
Message sound_answer(Bytes query, Message answer) {
  if (!answer.empty() && dns::matches(query, answer)) return answer;
  return dns::error_reply(query, dns::Rcode::kServerFailure);
}

}  // namespace

struct LookUps::State {
  Hooks hooks;
  std::size_t pending = 0;
};

LookUps::LookUps(mux::Session& session, std::vector<Endpoint> servers,
                 std::vector<std::string> domains, Hooks hooks)
    : session_(session),
      servers_(std::move(servers)),
      domains_(std::move(domains)),
      state_(std::make_shared<State>()) {
  state_->hooks = std::move(hooks);
}

void LookUps::ask(Query query, Done done) {
  auto header = dns::read_header(query.message);
  if (!header || header->is_answer()) return done({});
  if (query.message.size() > names::kMaxDnsQuery) {
    return done(dns::format_error(query.message));
  }
  if (!dns::is_query(query.message)) {
    return done(dns::error_reply(query.message, dns::Rcode::kFormatError));
  }
  if (state_->hooks.known) {
    if (auto known = state_->hooks.known(query.message)) {
      return done(*std::move(known));
    }
  }
  if (state_->pending >= kMaxPending) {
    return done(dns::error_reply(query.message, dns::Rcode::kServerFailure));
  }
  if (goes_to_far_end(query.message)) {
    ask_far_end(std::move(query), std::move(done));
  } else {
    ask_elsewhere(std::move(query), std::move(done));
  }
}

bool LookUps::goes_to_far_end(Bytes query) const {
  if (domains_.empty()) return true;
  std::string name = dns::read_question(query)->name;
  return std::any_of(domains_.begin(), domains_.end(),
                     [&](const std::string& domain) {
                       return name == domain || dns::is_below(name, domain);
                     });
}

void LookUps::ask_far_end(Query query, Done done) {
  names::LookUp look_up;
  look_up.over_tcp = query.over_tcp;
  look_up.servers = servers_;
  look_up.query = query.message;
  auto answered = [state = state_, query = query.message,
                   done](std::optional<names::Message> answer) {
    --state->pending;
    Message reply =
        sound_answer(query, answer ? std::move(answer->bytes) : Message());
    if (state->hooks.answered) state->hooks.answered(query, reply);
    done(std::move(reply));
  };
  ++state_->pending;
  if (FarLookUp::send(session_, mux::Service::kLookUp, names::encode(look_up),
                      std::move(answered))) {
    return;
  }
  --state_->pending;
  done(dns::error_reply(query.message, dns::Rcode::kServerFailure));
}

void LookUps::ask_elsewhere(Query query, Done done) {
  Message message = query.message;
  std::optional<Endpoint> server;
  if (query.server) server = query.server();
  auto answered = [state = state_, message, done](Message answer) {
    --state->pending;
    done(sound_answer(message, std::move(answer)));
  };
  ++state_->pending;
  if (server && state_->hooks.elsewhere &&
      state_->hooks.elsewhere(std::move(query), *server, std::move(answered))) {
    return;
  }
  --state_->pending;
  done(dns::error_reply(message, dns::Rcode::kServerFailure));
}

}  // namespace ginnel
