// SPDX-License-Identifier: GPL-3.0-or-later
// Look-ups over a real session, put to name servers on loopback.
#include "helper/services/look_up.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <set>

#include "names/dns_build.h"
#include "names/dns_message.h"
#include "names/messages.h"
#include "tests/unit/helper/fake_name_server.h"
#include "tests/unit/helper/lan.h"
#include "tests/unit/helper/service_pair.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using Message = FakeNameServer::Message;
using Messages = std::vector<Message>;
using std::chrono::steady_clock;

Message query_for(std::string_view name, std::uint16_t id = 0x4711) {
  return *dns::make_query(id, name, dns::type::kA, 4096);
}

// With so many addresses that it has at least `size` bytes.
Message found(const Message& query, std::size_t size = 0) {
  std::vector<IpAddress> addresses(1 + size / 16,
                                   *IpAddress::parse("192.0.2.1"));
  return dns::reply_with_addresses(query, addresses, 60s);
}
Message error(const Message& query, dns::Rcode why) {
  return dns::error_reply(query, why);
}
Message cut(const Message& query) {
  return dns::truncated(found(query, 2000), 512);
}
Message framed(const Message& message) {
  return names::encode_message(message);
}

Messages say_found(const Message& query) { return {found(query)}; }
FakeNameServer::Say say_error(dns::Rcode why) {
  return [why](const Message& query) { return Messages{error(query, why)}; };
}

// A far end with three name servers, all of them silent at first.
class FarEnd {
 public:
  ServicePair pair;
  FakeNameServer first{pair.executor(), "127.0.0.2"};
  FakeNameServer second{pair.executor(), "127.0.0.3"};
  FakeNameServer third{pair.executor(), "::1"};

  std::shared_ptr<Asker> start(const Message& query, bool over_tcp = false) {
    names::LookUp look_up;
    look_up.over_tcp = over_tcp;
    look_up.servers = {first.where(), second.where(), third.where()};
    look_up.query = query;
    return pair.open(mux::Service::kLookUp, names::encode(look_up), true);
  }
  // The answer; empty: none.
  Message finish(const Asker& asker, std::chrono::milliseconds limit = 15s) {
    REQUIRE(pair.turn([&] { return asker.end().has_value(); }, limit));
    CHECK(asker.end()->kind == mux::StreamEnd::Kind::kFinished);
    names::MessageReader reader;
    reader.feed(asker.received());
    auto message = reader.next();
    REQUIRE(message);
    CHECK(reader.empty());
    return *message ? (*message)->bytes : Message();
  }
  Message ask(const Message& query, bool over_tcp = false) {
    return finish(*start(query, over_tcp));
  }
};

TEST_CASE("look_up: an answer comes back as it was said, with the asker's id") {
  FarEnd far;
  far.first.by_udp = say_found;
  Message query = query_for("WwW.Example");
  CHECK(far.ask(query) == found(query));
  REQUIRE(far.first.udp_queries.size() == 1);
  // All but the id is what was asked.
  Message put = far.first.udp_queries[0];
  CHECK(Message(put.begin() + 2, put.end()) ==
        Message(query.begin() + 2, query.end()));
  CHECK(far.second.udp_queries.empty());
}

TEST_CASE("look_up: every query has an id and a port that cannot be guessed") {
  FarEnd far;
  far.first.by_udp = say_found;
  std::set<std::uint16_t> ids, ports;
  for (int i = 0; i < 32; ++i) far.ask(query_for("www.example", 7));
  for (auto& query : far.first.udp_queries) {
    ids.insert(dns::read_header(query)->id);
  }
  ports.insert(far.first.ports.begin(), far.first.ports.end());
  CHECK(ids.size() >= 31);
  CHECK(ports.size() >= 28);
}

TEST_CASE("look_up: 6 kB by UDP and 60 kB by TCP arrive whole") {
  FarEnd far;
  Message query = query_for("big.example");
  far.first.by_udp = [](const Message& q) { return Messages{found(q, 6000)}; };
  far.first.by_tcp = [](const Message& q) {
    return Messages{framed(found(q, 60000))};
  };
  CHECK(far.ask(query) == found(query, 6000));
  CHECK(far.first.tcp_queries.empty());
  CHECK(far.ask(query, true) == found(query, 60000));
  CHECK(far.first.udp_queries.size() == 1);
}

TEST_CASE("look_up: a query of 4096 bytes is put, a longer one is not") {
  FarEnd far;
  far.first.by_udp = say_found;
  Message query = query_for("a");
  query.resize(names::kMaxDnsQuery);
  CHECK(dns::read_header(far.ask(query))->rcode() == dns::Rcode::kNoError);
  query.resize(names::kMaxDnsQuery + 1);
  Message answer = far.ask(query);
  CHECK(answer.size() == dns::kHeaderSize);
  CHECK(dns::read_header(answer)->rcode() == dns::Rcode::kFormatError);
  CHECK(far.first.udp_queries.size() == 1);
}

TEST_CASE("look_up: an answer over TCP may come in pieces") {
  FarEnd far;
  far.first.by_tcp = [](const Message& query) {
    Message whole = framed(found(query));
    Messages pieces;
    for (std::byte byte : whole) pieces.push_back({byte});
    return pieces;
  };
  CHECK(far.ask(query_for("a"), true) == found(query_for("a")));
}

TEST_CASE("look_up: an answer that is cut is handed on, and comes by TCP") {
  FarEnd far;
  Message query = query_for("big.example");
  far.first.by_udp = [](const Message& q) { return Messages{cut(q)}; };
  far.first.by_tcp = [](const Message& q) {
    return Messages{framed(found(q, 2000))};
  };
  Message answer = far.ask(query);
  CHECK(answer == cut(query));
  CHECK(far.first.tcp_queries.empty());
  CHECK(far.ask(query, true) == found(query, 2000));
}

TEST_CASE("look_up: where no server takes connections, UDP must do") {
  FarEnd far;
  far.first.by_tcp = [](const Message&) { return Messages{{}}; };
  far.first.by_udp = [](const Message& q) { return Messages{cut(q)}; };
  far.second.by_tcp = [](const Message&) {
    return Messages{Message(2000, std::byte{0})};
  };
  far.second.by_udp = far.third.by_udp = say_found;
  far.third.by_tcp = [](const Message& q) {
    return Messages{framed(found(query_for("other", dns::read_header(q)->id)))};
  };
  CHECK(far.ask(query_for("a"), true) == found(query_for("a")));
}

TEST_CASE("look_up: a silent server gives way in time, and is asked last") {
  FarEnd far;
  far.second.by_udp = say_found;
  auto began = steady_clock::now();
  CHECK_FALSE(far.ask(query_for("a")).empty());
  auto took = steady_clock::now() - began;
  CHECK(took >= 1s);
  CHECK(took < 3s);
  CHECK(far.first.udp_queries.size() == 1);
  began = steady_clock::now();
  CHECK_FALSE(far.ask(query_for("b")).empty());
  CHECK(steady_clock::now() - began < 1s);
  CHECK(far.first.udp_queries.size() == 1);
}

TEST_CASE("look_up: a slow server's answer counts while the next is asked") {
  FarEnd far;
  Message query = query_for("a");
  auto asker = far.start(query);
  REQUIRE(far.pair.turn([&] { return !far.second.udp_queries.empty(); }));
  far.third.by_udp = nullptr;
  // The first one answers its old query: on its own socket, to the old port.
  REQUIRE(far.first.udp_queries.size() == 1);
  far.first.answer_late(found(far.first.udp_queries[0]));
  CHECK(far.finish(*asker, 1s) == found(query));
}

TEST_CASE("look_up: unwilling servers give way at once") {
  FarEnd far;
  far.first.by_udp = say_error(dns::Rcode::kServerFailure);
  far.second.by_udp = say_error(dns::Rcode::kRefused);
  far.third.by_udp = say_found;
  auto began = steady_clock::now();
  CHECK(far.ask(query_for("a")) == found(query_for("a")));
  CHECK(steady_clock::now() - began < 1s);
}

TEST_CASE("look_up: when all are unwilling the first one's word counts") {
  FarEnd far;
  far.first.by_udp = say_error(dns::Rcode::kServerFailure);
  far.second.by_udp = far.third.by_udp = say_error(dns::Rcode::kRefused);
  Message query = query_for("a");
  CHECK(far.ask(query) == error(query, dns::Rcode::kServerFailure));
}

TEST_CASE("look_up: that there is no such name is an answer") {
  FarEnd far;
  far.first.by_udp = say_error(dns::Rcode::kNoName);
  Message query = query_for("a");
  CHECK(far.ask(query) == error(query, dns::Rcode::kNoName));
  CHECK(far.second.udp_queries.empty());
}

TEST_CASE("look_up: a server that is not there gives way at once") {
  FarEnd far;
  far.second.by_udp = say_found;
  names::LookUp look_up;
  look_up.query = query_for("a");
  {
    FakeNameServer gone(far.pair.executor(), "127.0.0.5");
    look_up.servers = {gone.where(), far.second.where()};
  }
  auto began = steady_clock::now();
  auto asker =
      far.pair.open(mux::Service::kLookUp, names::encode(look_up), true);
  CHECK(far.finish(*asker) == found(query_for("a")));
  look_up.servers.pop_back();
  asker = far.pair.open(mux::Service::kLookUp, names::encode(look_up), true);
  CHECK(far.finish(*asker).empty());
  CHECK(steady_clock::now() - began < 1s);
}

TEST_CASE("look_up: wrong answers are passed over") {
  FarEnd far;
  far.first.by_udp = [](const Message& query) {
    Message wrong_id = found(query);
    wrong_id[0] ^= std::byte{1};
    std::uint16_t id = dns::read_header(query)->id;
    Message wrong_name = found(query_for("evil.example", id));
    Message garbage(100, std::byte{0xff});
    return Messages{wrong_id, wrong_name,   garbage,     {},
                    query,    {garbage[0]}, found(query)};
  };
  CHECK(far.ask(query_for("a")) == found(query_for("a")));
  CHECK(far.second.udp_queries.empty());
}

TEST_CASE("look_up: a flood of guesses moves on to another server") {
  FarEnd far;
  far.first.by_udp = [](const Message& query) {
    Message wrong = found(query);
    wrong[0] ^= std::byte{1};
    Messages flood(100, wrong);
    flood.push_back(found(query));
    return flood;
  };
  far.second.by_udp = say_error(dns::Rcode::kNoName);
  CHECK(far.ask(query_for("a")) == error(query_for("a"), dns::Rcode::kNoName));
}

TEST_CASE("look_up: a name that only multicast DNS knows") {
  Lan lan;
  lan.start_avahi("printer");
  FarEnd far;
  far.first.by_udp = say_error(dns::Rcode::kNoName);
  Message query = query_for("Printer.local");
  Message answer = far.ask(query);
  CHECK(dns::matches(query, answer));
  CHECK(dns::addresses(answer).addresses ==
        std::vector{*IpAddress::parse("10.1.0.9")});
  // Nobody knows: what the name servers said.
  query = query_for("nobody.local");
  CHECK(far.ask(query) == error(query, dns::Rcode::kNoName));
  // They are silent: in time for who asked.
  far.first.by_udp = nullptr;
  auto asker = far.start(query_for("printer.local"));
  CHECK_FALSE(far.finish(*asker, 4s).empty());
  // They know: nobody else is asked.
  far.first.by_udp = say_found;
  far.second.by_udp = say_found;
  query = query_for("printer.local");
  CHECK(far.ask(query) == found(query));
}

TEST_CASE("look_up: what is no query is told so") {
  FarEnd far;
  Message query = query_for("a");
  query.resize(14);
  CHECK(dns::read_header(far.ask(query))->rcode() == dns::Rcode::kFormatError);
  CHECK(far.ask({}).empty());
  Message transfer = *dns::make_query(1, "a", dns::type::kAxfr);
  CHECK(dns::read_header(far.ask(transfer, true))->rcode() ==
        dns::Rcode::kNotImplemented);
  CHECK(far.first.udp_queries.empty());
}

TEST_CASE("look_up: a client that asks wrongly is reset") {
  FarEnd far;
  auto is_reset = [&](Message request) {
    auto asker = far.pair.open(mux::Service::kLookUp, std::move(request), true);
    REQUIRE(far.pair.turn([&] { return asker->end().has_value(); }));
    return asker->end()->kind == mux::StreamEnd::Kind::kReset;
  };
  CHECK(is_reset({std::byte{9}}));                // no such flag
  CHECK(is_reset({std::byte{0}, std::byte{0}}));  // and no more
  CHECK(is_reset({}));
  names::LookUp look_up;
  look_up.query = query_for("a");
  Message two = names::encode(look_up);
  two.push_back(std::byte{0});
  CHECK(is_reset(two));
}

TEST_CASE("look_up: many at once, no more than can be, and nothing stays") {
  // As the helper does it: each has a socket.
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  FarEnd far;
  std::vector<std::shared_ptr<Asker>> askers;
  for (int i = 0; i < 1100; ++i) askers.push_back(far.start(query_for("a")));
  auto turned_away = [&] {
    return std::count_if(askers.begin(), askers.end(),
                         [](auto& asker) { return asker->end().has_value(); });
  };
  REQUIRE(far.pair.turn([&] {
    return far.first.udp_queries.size() >= 1024 && turned_away() >= 76;
  }));
  CHECK(turned_away() == 76);
  for (auto& asker : askers) {
    if (!asker->end()) asker->reset();
  }
  far.first.by_udp = say_found;
  REQUIRE(far.pair.turn([&] {
    auto one = far.start(query_for("b"));
    far.pair.turn([&] { return one->end().has_value(); });
    return !one->received().empty();
  }));
}

}  // namespace
}  // namespace ginnel
