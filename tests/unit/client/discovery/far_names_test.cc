// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/far_names.h"

#include <doctest/doctest.h>

#include <map>

#include "base/strings.h"
#include "names/dns_build.h"
#include "names/dns_message.h"
#include "tests/unit/client/discovery/far_end.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using Status = names::Addresses::Status;

class Names {
 public:
  FarEnd far;
  std::vector<std::string> changes;  // the rules of each
  bool works = true;
  std::vector<OwnAddress> own;
  // What the far end says of a name; silent about any other.
  std::map<std::string, names::Addresses> zone;
  std::vector<std::string> asked;

  explicit Names(std::initializer_list<const char*> specs,
                 FarNames::Limits limits = {}) {
    far.answer = [this](FarEnd::Served& served) { answer(served); };
    std::vector<SubnetSpec> list;
    for (const char* text : specs) list.push_back(*parse_subnet(text));
    names.emplace(
        far.executor(), far.session(), list, std::move(limits),
        [this](std::vector<firewall::Rule> rules) {
          keep(rules);
          return works;
        },
        [this] { return own; });
  }
  ~Names() { names->close(); }

  void knows(const std::string& name,
             std::initializer_list<const char*> addresses,
             std::chrono::seconds lasts = 1h) {
    names::Addresses found;
    found.lasts = lasts;
    found.status = addresses.size() > 0 ? Status::kFound : Status::kNoName;
    for (const char* text : addresses) {
      found.addresses.push_back(*IpAddress::parse(text));
    }
    zone[name] = found;
  }
  void start() {
    names->start();
    far.run(names->wait());
  }
  // A look-up was answered so.
  void see(const char* name, std::initializer_list<const char*> addresses) {
    std::vector<IpAddress> list;
    for (const char* text : addresses) {
      list.push_back(*IpAddress::parse(text));
    }
    auto query = dns::make_query(7, name, dns::type::kA);
    if (!list.empty() && list[0].family() == Family::kIpv6) {
      query = dns::make_query(7, name, dns::type::kAaaa);
    }
    names->answered(*query, dns::reply_with_addresses(*query, list, 60s));
  }

  std::optional<FarNames> names;

 private:
  void answer(FarEnd::Served& served) {
    CHECK(served.service == mux::Service::kAddresses);
    names::NameRequestReader reader;
    reader.feed(served.heard);
    auto name = reader.next();
    REQUIRE(name);
    if (!*name) return;
    asked.push_back((*name)->text);
    auto found = zone.find((*name)->text);
    if (found == zone.end()) return;
    served.say(names::encode(found->second));
    served.finish_saying();
  }
  void keep(const std::vector<firewall::Rule>& rules) {
    std::string text;
    for (const auto& rule : rules) {
      CHECK(rule.action == firewall::Action::kInclude);
      text += concat(text.empty() ? "" : " ", rule.prefix);
      if (!rule.ports.all()) text += concat(':', rule.ports.first);
    }
    changes.push_back(text);
  }
};

TEST_CASE("far names: all are awaited, and are one change") {
  Names names({"far:a.example", "far:b.example:443"});
  names.knows("a.example", {"10.0.0.1", "fd00::1"});
  names.knows("b.example", {"10.0.0.2", "10.0.0.1"});
  names.start();
  REQUIRE(names.changes.size() == 1);
  CHECK(names.changes[0] ==
        "10.0.0.1/32 10.0.0.1/32:443 10.0.0.2/32:443 fd00::1/128");
  CHECK(names.far.has_said("captured: far:b.example:443, which is 10.0.0.2"));
}

TEST_CASE("far names: captured is what the firewall has taken") {
  Names names({"far:a.example"});
  names.knows("a.example", {"10.0.0.1"});
  names.works = false;
  names.start();
  CHECK(names.changes.back() == "10.0.0.1/32");
  CHECK(!names.far.has_said("captured: far:a.example"));
  names.names->in_effect();
  CHECK(names.far.has_said("captured: far:a.example, which is 10.0.0.1"));
}

TEST_CASE("far names: a name that is nowhere ends nothing") {
  Names names({"far:a.example", "far:nowhere.example", "far:broken.example"});
  names.knows("a.example", {"10.0.0.1"});
  names.knows("nowhere.example", {});
  names.zone["broken.example"].status = Status::kNoAnswer;
  names.start();
  CHECK(names.changes == std::vector<std::string>{"10.0.0.1/32"});
  CHECK(names.far.has_said("far:nowhere.example: the far end knows no such"));
  CHECK(names.far.has_said("far:broken.example: the far end has no answer"));
}

TEST_CASE("far names: one that is not answered keeps the others only so long") {
  Names names({"far:a.example", "far:silent.example"});
  names.knows("a.example", {"10.0.0.1"});
  names.names->start();
  names.far.turn([&] { return names.asked.size() == 2; });
  CHECK(names.changes.empty());
  names.far.streams.back()->reset();
  names.far.run(names.names->wait());
  CHECK(names.changes == std::vector<std::string>{"10.0.0.1/32"});
}

TEST_CASE("far names: answers are followed") {
  Names names({"far:a.example"});
  names.knows("a.example", {"10.0.0.1"}, 0s);
  names.start();
  names.knows("a.example", {"10.0.0.2"});
  auto began = std::chrono::steady_clock::now();
  names.far.turn([&] { return names.changes.back() == "10.0.0.2/32"; }, 10s);
  CHECK(std::chrono::steady_clock::now() - began > 4s);
  CHECK(names.asked.size() == 2);
  CHECK(names.far.has_said("no longer captured: far:a.example, which was"));
}

TEST_CASE("far names: this machine is not captured") {
  Names names({"far:a.example"});
  names.own = {OwnAddress(*IpAddress::parse("10.0.0.1"), 24)};
  names.knows("a.example", {"10.0.0.1", "10.0.0.2"});
  names.start();
  CHECK(names.changes.back() == "10.0.0.2/32");
}

TEST_CASE("far names: below a wildcard, before the answer is given") {
  Names names({"far:*.Corp.example", "far:*.db.example:5432"});
  names.start();
  CHECK(names.asked.empty());
  CHECK(names.changes == std::vector<std::string>{""});
  names.see("WWW.corp.example", {"10.0.0.1"});
  CHECK(names.changes.back() == "10.0.0.1/32");
  names.see("a.db.example", {"fd00::2", "fe80::1", "::1"});
  CHECK(names.changes.back() == "10.0.0.1/32 fd00::2/128:5432");
  names.see("b.db.example", {"10.0.0.1"});
  CHECK(names.changes.back() ==
        "10.0.0.1/32 10.0.0.1/32:5432 fd00::2/128:5432");
  CHECK(names.changes.size() == 4);
  names.see("www.corp.example", {"10.0.0.1"});
  names.see("corp.example", {"10.0.0.3"});
  names.see("notcorp.example", {"10.0.0.4"});
  names.see("www.corp.example.org", {"10.0.0.5"});
  names.see("www.corp.example", {"127.0.0.1", "224.0.0.9", "169.254.0.1"});
  CHECK(names.changes.size() == 4);
}

TEST_CASE("far names: an answer that says something else changes nothing") {
  Names names({"far:*.corp.example"});
  names.start();
  auto query = dns::make_query(7, "www.corp.example", dns::type::kA);
  names.names->answered(*query, dns::error_reply(*query, dns::Rcode::kNoName));
  names.names->answered(*query, {});
  names.names->answered({}, {});
  CHECK(names.changes.size() == 1);
}

TEST_CASE("far names: no IPv6 with --disable-ipv6") {
  FarNames::Limits limits;
  limits.ipv6 = false;
  Names names({"far:a.example", "far:*.corp.example"}, limits);
  names.knows("a.example", {"10.0.0.1", "fd00::1"});
  names.start();
  names.see("www.corp.example", {"fd00::2"});
  CHECK(names.changes == std::vector<std::string>{"10.0.0.1/32"});
}

firewall::Rule exclude(const char* address, int length, PortRange ports = {}) {
  return firewall::Rule(Prefix(*IpAddress::parse(address), length), ports,
                        firewall::Action::kExclude);
}

TEST_CASE("far names: what the user excludes stays excluded") {
  FarNames::Limits limits;
  limits.excludes = {exclude("10.7.0.0", 16),
                     exclude("10.8.0.0", 16, PortRange(22, 80))};
  Names names({"far:a.example", "far:*.corp.example", "far:*.db.example:22",
               "far:*.web.example:443"},
              limits);
  names.knows("a.example", {"10.7.0.1", "10.6.0.1"});
  names.start();
  CHECK(names.changes.back() == "10.6.0.1/32");
  CHECK(
      names.far.has_said("not captured: far:a.example, which is 10.7.0.1: "
                         "-x or -X excludes it"));
  names.see("x.corp.example", {"10.7.0.2"});
  names.see("x.db.example", {"10.7.0.2", "10.8.0.2"});
  CHECK(names.changes.back() == "10.6.0.1/32");
  names.see("x.web.example", {"10.8.0.2"});
  CHECK(names.changes.back() == "10.6.0.1/32 10.8.0.2/32:443");
}

TEST_CASE("far names: below a wildcard is nothing of this machine's networks") {
  FarNames::Limits limits;
  limits.includes = {Prefix(*IpAddress::parse("10.2.0.0"), 16)};
  Names names({"far:*.corp.example"}, limits);
  names.own = {OwnAddress(*IpAddress::parse("192.168.1.5"), 24),
               OwnAddress(*IpAddress::parse("10.2.1.5"), 24)};
  names.start();
  names.see("router.corp.example", {"192.168.1.1"});
  CHECK(names.changes.back().empty());
  names.see("named.corp.example", {"10.2.1.1"});
  CHECK(names.changes.back() == "10.2.1.1/32");
}

TEST_CASE("far names: the end of the session, with questions under way") {
  Names names({"far:a.example"});
  names.names->start();
  names.far.turn([&] { return names.asked.size() == 1; });
  names.names->close();
  names.far.session().reset_streams();
  names.far.settle();
  CHECK(names.changes.empty());
}

}  // namespace
}  // namespace ginnel
