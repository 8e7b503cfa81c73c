// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/dns/look_ups.h"

#include <doctest/doctest.h>

#include "names/dns_build.h"
#include "names/dns_message.h"
#include "names/messages.h"
#include "tests/unit/client/discovery/far_end.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using Message = std::vector<std::byte>;

Message query_for(const char* name, std::uint16_t id = 7) {
  return *dns::make_query(id, name, dns::type::kA);
}
Message found(const Message& query, const char* address = "192.0.2.1") {
  return dns::reply_with_addresses(
      query, std::vector<IpAddress>{*IpAddress::parse(address)}, 60s);
}
Message failure(const Message& query) {
  return dns::error_reply(query, dns::Rcode::kServerFailure);
}

// Everything that is asked of LookUps here; the far end is silent until told.
class Asked {
 public:
  FarEnd far;
  std::vector<Message> answers;
  std::vector<Message> elsewhere;  // what went on to where it was going
  std::vector<Endpoint> servers;
  std::optional<LookUps> look_ups;

  explicit Asked(std::vector<std::string> domains = {}) {
    LookUps::Hooks hooks;
    hooks.elsewhere = [this](LookUps::Query query, const Endpoint& server,
                             LookUps::Done done) {
      elsewhere.push_back(query.message);
      servers.push_back(server);
      done(found(query.message, "192.0.2.2"));
      return true;
    };
    look_ups.emplace(far.session(), std::vector<Endpoint>(), domains, hooks);
  }

  // Those that wait are told, while there is who listens.
  ~Asked() { far.session().reset_streams(); }

  void ask(Message message, std::optional<Endpoint> server = {}) {
    LookUps::Query query;
    query.message = std::move(message);
    query.server = [server] { return server; };
    look_ups->ask(std::move(query),
                  [this](Message answer) { answers.push_back(answer); });
  }
  // The far end says `change(query)` to each query from now on.
  void answer_with(std::function<Message(const Message&)> change) {
    far.answer = [change](FarEnd::Served& served) {
      CHECK(served.service == mux::Service::kLookUp);
      names::LookUpReader reader;
      reader.feed(served.heard);
      auto look_up = reader.next();
      REQUIRE(look_up);
      if (!*look_up) return;
      served.say(names::encode_message(change((*look_up)->query)));
      served.finish_saying();
    };
  }
  Message asked_far(Message message) {
    std::size_t before = answers.size();
    ask(std::move(message));
    far.turn([&] { return answers.size() > before; });
    return answers.back();
  }
};

TEST_CASE("look_ups: the far end's answer is passed on, id and case as asked") {
  Asked asked;
  asked.answer_with([](const Message& query) { return found(query); });
  Message query = query_for("WwW.Example", 0x4711);
  CHECK(asked.asked_far(query) == found(query));
}

TEST_CASE("look_ups: what is no answer to the query becomes SERVFAIL") {
  Asked asked;
  Message query = query_for("a.example");
  asked.answer_with([](const Message& q) {
    Message other = found(q);
    dns::set_id(other, 8);
    return other;
  });
  CHECK(asked.asked_far(query) == failure(query));
  asked.answer_with(
      [](const Message&) { return found(query_for("b.example")); });
  CHECK(asked.asked_far(query) == failure(query));
}

TEST_CASE("look_ups: an answer, or no message at all, is not answered") {
  Asked asked;
  asked.ask(found(query_for("a.example")));
  asked.ask(Message(11));
  asked.ask({});
  CHECK(asked.answers == std::vector<Message>(3));
  asked.far.settle();
  CHECK(asked.far.streams.empty());
}

TEST_CASE("look_ups: what is malformed gets FORMERR with its id") {
  Asked asked;
  Message query = query_for("a.example");
  query[5] = std::byte{2};  // questions
  asked.ask(query);
  REQUIRE(asked.answers.size() == 1);
  auto header = dns::read_header(asked.answers[0]);
  REQUIRE(header);
  CHECK(header->id == 7);
  CHECK(header->rcode() == dns::Rcode::kFormatError);
}

TEST_CASE("look_ups: a query of 4096 bytes goes there, a longer one does not") {
  Asked asked;
  asked.answer_with([](const Message& query) { return found(query); });
  Message query = query_for("a.example");
  query.resize(names::kMaxDnsQuery);
  auto answer = dns::read_header(asked.asked_far(query));
  REQUIRE(answer);
  CHECK(answer->rcode() == dns::Rcode::kNoError);
  query.resize(names::kMaxDnsQuery + 1);
  asked.ask(query);
  REQUIRE(asked.answers.size() == 2);
  CHECK(asked.answers[1].size() == dns::kHeaderSize);
  answer = dns::read_header(asked.answers[1]);
  CHECK(answer->id == 7);
  CHECK(answer->rcode() == dns::Rcode::kFormatError);
  CHECK(asked.far.streams.size() == 1);
}

TEST_CASE("look_ups: so many at once, and places become free") {
  Asked asked;
  Message query = query_for("a.example");
  for (std::size_t i = 0; i < LookUps::kMaxPending; ++i) asked.ask(query);
  asked.far.turn(
      [&] { return asked.far.streams.size() == LookUps::kMaxPending; });
  CHECK(asked.answers.empty());
  asked.ask(query);
  CHECK(asked.answers == std::vector<Message>{failure(query)});
  asked.far.streams[0]->reset();
  asked.far.turn([&] { return asked.answers.size() == 2; });
  asked.ask(query);
  asked.far.settle();
  CHECK(asked.answers.size() == 2);
}

TEST_CASE("look_ups: the end of the session answers what waits") {
  Asked asked;
  Message query = query_for("a.example");
  asked.ask(query);
  asked.far.served();
  asked.far.session().reset_streams();
  asked.far.turn([&] { return !asked.answers.empty(); });
  CHECK(asked.answers == std::vector<Message>{failure(query)});
}

TEST_CASE("look_ups: names outside the domains go to where they were going") {
  Asked asked({"corp.example"});
  asked.answer_with([](const Message& query) { return found(query); });
  Endpoint server(*IpAddress::parse("192.0.2.53"), 53);
  for (const char* name : {"corp.example", "WWW.Corp.Example"}) {
    Message query = query_for(name);
    CHECK(asked.asked_far(query) == found(query));
  }
  CHECK(asked.elsewhere.empty());
  for (const char* name : {"example", "xcorp.example", "corp.example.net"}) {
    Message query = query_for(name);
    asked.ask(query, server);
    CHECK(asked.answers.back() == found(query, "192.0.2.2"));
  }
  CHECK(asked.elsewhere.size() == 3);
  CHECK(asked.servers == std::vector<Endpoint>(3, server));
  // Who cannot tell where it was going gets an answer all the same.
  asked.ask(query_for("example"));
  CHECK(asked.answers.back() == failure(query_for("example")));
}

}  // namespace
}  // namespace ginnel
