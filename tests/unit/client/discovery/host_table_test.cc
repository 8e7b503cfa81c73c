// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/host_table.h"

#include <doctest/doctest.h>

#include "base/strings.h"

namespace ginnel {
namespace {

using names::Source;
using Added = HostTable::Added;

class Table {
 public:
  HostTable table{"laptop.home.example"};
  HostTable::TimePoint now{};

  static names::NameRecord record(const std::string& name,
                                  const std::string& address, Source source) {
    names::NameRecord result;
    result.name = name;
    result.address = *IpAddress::parse(address);
    result.source = source;
    return result;
  }
  Added tell(const std::string& name, const std::string& address,
             Source source = Source::kHostsFile) {
    return table.add(record(name, address, source), now);
  }
  // What this machine does not know otherwise.
  void take(const std::string& name, const std::string& address,
            Source source = Source::kHostsFile) {
    tell(name, address, source);
    table.judge(name, false, now);
  }
  // "name address" of what counts, with 10.0.0.0/8 and IPv6 captured.
  std::string hosts() const {
    std::string text;
    auto captured = [](const IpAddress& address) {
      return address.family() == Family::kIpv6 || address.data()[0] == 10;
    };
    for (const KnownHost& host : table.hosts(captured)) {
      text += concat(text.empty() ? "" : ", ", host.name, ' ', host.address);
    }
    return text;
  }
};

TEST_CASE("host table: a name counts once it is known not to be known here") {
  Table t;
  CHECK(t.tell("web", "10.0.0.1") == Added::kUnjudged);
  CHECK(t.hosts() == "");
  t.table.judge("web", false, t.now);
  CHECK(t.hosts() == "web 10.0.0.1");
  CHECK(t.tell("web", "fd00::1") == Added::kKnown);
  CHECK(t.hosts() == "web 10.0.0.1, web fd00::1");
  t.tell("known", "10.0.0.2");
  t.table.judge("known", true, t.now);
  CHECK(t.hosts() == "web 10.0.0.1, web fd00::1");
}

TEST_CASE("host table: it is asked about once, though it comes and goes") {
  Table t;
  t.take("web", "10.0.0.1");
  t.table.remove(Table::record("web", "10.0.0.1", Source::kHostsFile), t.now);
  CHECK(t.hosts() == "");
  CHECK(t.tell("web", "10.0.0.3") == Added::kKnown);
  CHECK(t.hosts() == "web 10.0.0.3");
}

TEST_CASE("host table: only at addresses that are captured") {
  Table t;
  t.take("web", "192.0.2.1");
  CHECK(t.hosts() == "");
  t.take("web", "10.0.0.1");
  CHECK(t.hosts() == "web 10.0.0.1");
}

TEST_CASE("host table: the first source that has an address counts") {
  Table t;
  t.take("web", "10.0.0.4", Source::kMulticastDns);
  t.take("web", "10.0.0.3", Source::kNetBios);
  CHECK(t.hosts() == "web 10.0.0.3");
  t.take("web", "192.0.2.1", Source::kHostsFile);
  t.take("web", "10.0.0.2", Source::kResolver);
  CHECK(t.hosts() == "web 10.0.0.2");
  t.table.remove(Table::record("web", "10.0.0.2", Source::kResolver), t.now);
  t.table.remove(Table::record("web", "10.0.0.9", Source::kNetBios), t.now);
  t.table.remove(Table::record("nobody", "10.0.0.9", Source::kNetBios), t.now);
  CHECK(t.hosts() == "web 10.0.0.3");
}

TEST_CASE("host table: whom a stranger may not name") {
  Table t;
  for (const char* name :
       {"laptop", "laptop.home.example", "localhost", "a.localhost",
        "localhost.localdomain", "ip6-localhost", "wpad", "wpad.example",
        "isatap", "broadcasthost", "1.0.0.10.in-addr.arpa", "a_b", "-a", "a-",
        "a b", "Web", "web.", "", "10.0.0.1"}) {
    CAPTURE(name);
    CHECK(t.tell(name, "10.0.0.1") == Added::kKnown);
    t.table.judge(name, false, t.now);
  }
  CHECK(t.hosts() == "");
  for (const char* name : {"laptop2", "home.example", "web", "a.b.c"}) {
    CAPTURE(name);
    CHECK(t.tell(name, "10.0.0.1") == Added::kUnjudged);
  }
}

TEST_CASE("host table: what is nobody's address is not taken") {
  Table t;
  for (const char* address : {"127.0.0.1", "169.254.1.1", "224.0.0.251",
                              "0.0.0.0", "::1", "fe80::1", "ff02::fb"}) {
    CAPTURE(address);
    CHECK(t.tell("web", address) == Added::kKnown);
    t.table.judge("web", false, t.now);
  }
  CHECK(t.hosts() == "");
}

TEST_CASE("host table: no more than there may be") {
  Table t;
  for (std::size_t i = 0; i < names::kMaxFoundNames; ++i) {
    REQUIRE(t.tell(concat("host", i), "10.0.0.1") == Added::kUnjudged);
  }
  CHECK(t.tell("one-more", "10.0.0.1") == Added::kFull);
  CHECK(t.tell("host1", "10.0.0.2") == Added::kFull);
  t.table.remove(Table::record("host1", "10.0.0.1", Source::kHostsFile), t.now);
  CHECK(t.tell("one-more", "10.0.0.1") == Added::kUnjudged);
}

TEST_CASE("host table: no more addresses of a name than an answer may have") {
  Table t;
  for (int i = 0; i < 200; ++i) t.take("web", concat("10.0.0.", i));
  auto all = [](const IpAddress&) { return true; };
  CHECK(t.table.hosts(all).size() == names::kMaxAddresses);
}

TEST_CASE("host table: nor names that come and go") {
  Table t;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < HostTable::kMaxVerdicts + 10; ++i) {
    std::string name = concat("host", i);
    if (t.tell(name, "10.0.0.1") == Added::kUnjudged) ++taken;
    t.table.remove(Table::record(name, "10.0.0.1", Source::kHostsFile), t.now);
  }
  CHECK(taken == HostTable::kMaxVerdicts);
}

TEST_CASE("host table: names that have been gone for long make room") {
  Table t;
  auto come_and_go = [&](std::size_t i) {
    std::string name = concat("host", i);
    bool asked = t.tell(name, "10.0.0.1") == Added::kUnjudged;
    if (asked) t.table.judge(name, false, t.now);
    t.table.remove(Table::record(name, "10.0.0.1", Source::kHostsFile), t.now);
    return asked;
  };
  for (std::size_t i = 0; i < HostTable::kMaxVerdicts; ++i) {
    REQUIRE(come_and_go(i));
  }
  CHECK(t.tell("new", "10.0.0.1") == Added::kFull);
  t.now += HostTable::kRemembered;
  CHECK(t.tell("host0", "10.0.0.1") == Added::kKnown);
  CHECK(t.tell("new", "10.0.0.1") == Added::kUnjudged);
  CHECK(t.tell("host0", "10.0.0.2") == Added::kKnown);
  CHECK(come_and_go(1));
}

}  // namespace
}  // namespace ginnel
