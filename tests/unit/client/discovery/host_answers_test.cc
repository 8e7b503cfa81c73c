// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/host_answers.h"

#include <doctest/doctest.h>

#include "base/strings.h"
#include "names/dns_build.h"
#include "names/dns_message.h"

namespace ginnel {
namespace {

using names::Source;

std::vector<KnownHost> some_hosts() {
  std::vector<KnownHost> hosts;
  auto add = [&](const char* name, const char* address, Source source) {
    hosts.emplace_back(name, *IpAddress::parse(address), source);
  };
  add("web", "10.0.0.1", Source::kHostsFile);
  add("web.corp.example", "10.0.0.1", Source::kHostsFile);
  add("printer.local", "10.0.0.2", Source::kMulticastDns);
  add("printer.local", "fd00::2", Source::kMulticastDns);
  add("db.corp.example", "10.0.0.3", Source::kResolver);
  add("aaa", "10.0.0.3", Source::kNetBios);
  return hosts;
}

// What is answered, in words; "" when nothing is.
std::string ask(const std::string& name, std::uint16_t type,
                const std::vector<std::string>& search = {}) {
  auto query = dns::make_query(99, name, type);
  REQUIRE(query);
  auto answer = HostAnswers(some_hosts()).answer(*query, search);
  if (!answer) return "";
  CHECK(dns::matches(*query, *answer));
  CHECK(dns::read_header(*answer)->rcode() == dns::Rcode::kNoError);
  if (type == dns::type::kPtr) {
    return dns::pointed_name(*answer).value_or("none");
  }
  auto found = dns::addresses(*answer);
  std::string text;
  for (const IpAddress& address : found.addresses) {
    CHECK(found.lasts == HostAnswers::kLasts);
    text += concat(text.empty() ? "" : " ", address);
  }
  return text.empty() ? "none" : text;
}

TEST_CASE("host answers: by name, in any case") {
  CHECK(ask("web", dns::type::kA) == "10.0.0.1");
  CHECK(ask("WEB.Corp.Example", dns::type::kA) == "10.0.0.1");
  CHECK(ask("printer.local", dns::type::kA) == "10.0.0.2");
  CHECK(ask("printer.local", dns::type::kAaaa) == "fd00::2");
  CHECK(ask("nobody", dns::type::kA) == "");
  CHECK(ask("a.web", dns::type::kA) == "");
}

TEST_CASE("host answers: no address of that family is not no such name") {
  CHECK(ask("web", dns::type::kAaaa) == "none");
  CHECK(ask("web", 65) == "none");
}

TEST_CASE("host answers: name servers know better what they told") {
  CHECK(ask("db.corp.example", dns::type::kA) == "10.0.0.3");
  CHECK(ask("db.corp.example", dns::type::kAaaa) == "");
  CHECK(ask("db.corp.example", dns::type::kTxt) == "");
}

TEST_CASE("host answers: one label is known in the search list's domains") {
  std::vector<std::string> search = {"home.example", "corp.example"};
  CHECK(ask("aaa.corp.example", dns::type::kA, search) == "10.0.0.3");
  CHECK(ask("aaa.home.example", dns::type::kA, search) == "10.0.0.3");
  CHECK(ask("aaa.corp.example", dns::type::kA) == "");
  CHECK(ask("aaa.other.example", dns::type::kA, search) == "");
  CHECK(ask("printer.local.corp.example", dns::type::kA, search) == "");
}

TEST_CASE("host answers: by address, the better name of several") {
  CHECK(ask("1.0.0.10.in-addr.arpa", dns::type::kPtr) == "web.corp.example");
  CHECK(ask("3.0.0.10.in-addr.arpa", dns::type::kPtr) == "db.corp.example");
  CHECK(ask(dns::reverse_name(*IpAddress::parse("fd00::2")), dns::type::kPtr) ==
        "printer.local");
  CHECK(ask("9.0.0.10.in-addr.arpa", dns::type::kPtr) == "");
  CHECK(ask("web", dns::type::kPtr) == "");
}

TEST_CASE("host answers: another class is not ours") {
  auto query = dns::make_query(99, "web", dns::type::kA);
  // The class stands behind the name and the type.
  std::size_t end = dns::kHeaderSize + dns::read_question(*query)->raw.size();
  (*query)[end - 1] = std::byte{3};
  REQUIRE(dns::read_question(*query)->klass == 3);
  CHECK(!HostAnswers(some_hosts()).answer(*query, {}));
}

}  // namespace
}  // namespace ginnel
