// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses of names over a real session, with a resolv.conf, a hosts file and
// name servers of the test's own.
#include "helper/services/addresses.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "base/strings.h"
#include "names/dns_build.h"
#include "names/dns_message.h"
#include "names/messages.h"
#include "resolve/resolver.h"
#include "tests/unit/helper/fake_name_server.h"
#include "tests/unit/helper/lan.h"
#include "tests/unit/helper/service_pair.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using Message = FakeNameServer::Message;

// A far end whose only name server knows what `zone` says.
class FarEnd {
 public:
  ServicePair pair;
  FakeNameServer server{pair.executor(), "127.0.0.2"};
  std::map<std::string, std::vector<IpAddress>> zone;
  std::string asked;  // the names, one after another, by A queries

  FarEnd() {
    char folder[] = "/tmp/ginnel-addresses-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    folder_ = folder;
    write("resolv.conf", "nameserver 127.0.0.2\n");
    write("hosts", "10.9.9.9 listed.example listed\nfd00::9 listed\n");
    server.by_udp = [this](const Message& query) {
      return std::vector<Message>{say(query)};
    };
  }
  ~FarEnd() { std::filesystem::remove_all(folder_); }

  // As an editor does it.
  void replace(const std::string& file, std::string_view text) {
    std::string path = folder_ + '/' + file;
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  }
  void write(const std::string& file, std::string_view text) {
    replace(file, text);
    Resolver::of(pair.executor())
        .use(folder_ + "/resolv.conf", folder_ + "/hosts", server.where().port);
  }

  void knows(const std::string& name, std::vector<const char*> addresses) {
    zone[name];
    for (auto address : addresses) {
      zone[name].push_back(*IpAddress::parse(address));
    }
  }

  Message say(const Message& query) {
    auto question = *dns::read_question(query);
    if (question.type == dns::type::kA) asked += question.name + ' ';
    auto known = zone.find(question.name);
    if (known == zone.end()) {
      return dns::error_reply(query, dns::Rcode::kNoName);
    }
    return dns::reply_with_addresses(query, known->second, 60s);
  }

  // "status seconds addresses".
  std::string ask(const std::string& name) {
    auto asker =
        pair.open(mux::Service::kAddresses, names::encode_name(name), true);
    REQUIRE(pair.turn([&] { return asker->end().has_value(); }, 15s));
    CHECK(asker->end()->kind == mux::StreamEnd::Kind::kFinished);
    names::AddressesReader reader;
    reader.feed(asker->received());
    auto found = reader.next();
    REQUIRE(found);
    REQUIRE(found->has_value());
    std::string text = concat(static_cast<int>((*found)->status), ' ',
                              (*found)->lasts.count());
    for (auto& address : (*found)->addresses) text += concat(' ', address);
    return text;
  }

 private:
  std::string folder_;
};

TEST_CASE("addresses: both families, and how long they hold") {
  FarEnd far;
  far.knows("www.example", {"10.0.0.1", "fd00::1", "10.0.0.2"});
  CHECK(far.ask("www.example") == "0 60 10.0.0.1 10.0.0.2 fd00::1");
  CHECK(far.server.udp_queries.size() == 2);
  far.knows("v6.example", {"fd00::2"});
  CHECK(far.ask("v6.example") == "0 30 fd00::2");
}

TEST_CASE("addresses: the hosts file comes first") {
  FarEnd far;
  CHECK(far.ask("Listed") == "0 30 10.9.9.9 fd00::9");
  CHECK(far.ask("listed.example.") == "0 30 10.9.9.9");
  CHECK(far.server.udp_queries.empty());
}

TEST_CASE("addresses: the search list, in the order that ndots says") {
  FarEnd far;
  far.write("resolv.conf",
            "nameserver 127.0.0.2\nsearch a.example b.example\n");
  far.knows("host.b.example", {"10.0.0.3"});
  CHECK(far.ask("host") == "0 30 10.0.0.3");
  CHECK(far.asked == "host.a.example host.b.example ");
  far.asked.clear();
  CHECK(far.ask("host.b.example") == "0 30 10.0.0.3");
  CHECK(far.asked == "host.b.example ");
  far.asked.clear();
  CHECK(far.ask("host.x") == "1 30");
  CHECK(far.asked == "host.x host.x.a.example host.x.b.example ");
  far.asked.clear();
  CHECK(far.ask("host.") == "1 30");
  CHECK(far.asked == "host ");
  far.asked.clear();
  far.write("resolv.conf",
            "nameserver 127.0.0.2\nsearch a.example\noptions ndots:2\n");
  CHECK(far.ask("host.b.example") == "0 30 10.0.0.3");
  CHECK(far.ask("host.x") == "1 30");
  CHECK(far.asked == "host.b.example host.x.a.example host.x ");
}

TEST_CASE("addresses: a cut answer is asked for again by TCP") {
  FarEnd far;
  far.knows("www.example", {"10.0.0.1"});
  far.server.by_udp = [&](const Message& query) {
    Message big = far.say(query);
    big.resize(3000);
    return std::vector<Message>{dns::truncated(big, 512)};
  };
  far.server.by_tcp = [&](const Message& query) {
    return std::vector<Message>{names::encode_message(far.say(query))};
  };
  CHECK(far.ask("www.example").ends_with(" 10.0.0.1"));
  CHECK(far.server.tcp_queries.size() == 2);
}

TEST_CASE("addresses: no answer is not the same as no such name") {
  FarEnd far;
  far.server.by_udp = [](const Message& query) {
    return std::vector<Message>{
        dns::error_reply(query, dns::Rcode::kServerFailure)};
  };
  CHECK(far.ask("www.example") == "2 30");
  far.server.by_udp = [](const Message&) { return std::vector<Message>(); };
  far.write("resolv.conf",
            "nameserver 127.0.0.2\nsearch a.example b.example\n"
            "options timeout:1\n");
  CHECK(far.ask("host") == "2 30");
}

TEST_CASE("addresses: one family's silence does not hide the other") {
  FarEnd far;
  far.knows("www.example", {"10.0.0.1"});
  far.server.by_udp = [&](const Message& query) {
    if (dns::read_question(query)->type == dns::type::kAaaa) {
      return std::vector<Message>{
          dns::error_reply(query, dns::Rcode::kServerFailure)};
    }
    return std::vector<Message>{far.say(query)};
  };
  CHECK(far.ask("www.example") == "0 30 10.0.0.1");
}

TEST_CASE("addresses: resolv.conf is followed as it changes") {
  FarEnd far;
  FakeNameServer other(far.pair.executor(), "127.0.0.3",
                       far.server.where().port);
  other.by_udp = far.server.by_udp;
  far.knows("www.example", {"10.0.0.1", "fd00::1"});
  far.ask("www.example");
  CHECK(other.udp_queries.empty());
  far.replace("resolv.conf", "nameserver 127.0.0.3\n");
  REQUIRE(far.pair.turn([&] {
    far.ask("www.example");
    return !other.udp_queries.empty();
  }));
}

TEST_CASE("addresses: a name that only multicast DNS knows") {
  Lan lan;
  lan.start_avahi("printer");
  FarEnd far;
  far.knows("site.local", {"10.0.0.5"});
  CHECK(far.ask("printer.local") == "0 10 10.1.0.9 2001:db8:1::9");
  CHECK(far.asked == "printer.local ");
  CHECK(far.ask("site.local") == "0 30 10.0.0.5");
  CHECK(far.ask("nobody.local") == "1 30");
  far.server.by_udp = nullptr;
  auto began = std::chrono::steady_clock::now();
  CHECK(far.ask("printer.local") == "0 10 10.1.0.9 2001:db8:1::9");
  CHECK(std::chrono::steady_clock::now() - began < 4s);
}

TEST_CASE("addresses: what is no name is refused") {
  FarEnd far;
  for (std::string name : {"10.0.0.1", "a b", "-x"}) {
    auto asker =
        far.pair.open(mux::Service::kAddresses, names::encode_name(name), true);
    REQUIRE(far.pair.turn([&] { return asker->end().has_value(); }));
    CHECK(asker->end()->kind == mux::StreamEnd::Kind::kReset);
  }
}

}  // namespace
}  // namespace ginnel
