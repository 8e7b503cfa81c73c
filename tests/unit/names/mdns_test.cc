// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/mdns.h"

#include <doctest/doctest.h>

#include <map>

#include "base/strings.h"
#include "names/mdns_browser.h"

namespace ginnel::mdns {
namespace {

using namespace std::chrono_literals;
using dns::type::kA;
using dns::type::kAaaa;
using dns::type::kPtr;
using dns::type::kSrv;

// A response, record by record.
class Response {
 public:
  Response& a(const char* name, const char* address, std::uint32_t ttl = 120,
              bool flush = true) {
    IpAddress ip = *IpAddress::parse(address);
    begin(name, ip.family() == Family::kIpv4 ? kA : kAaaa, ttl, flush);
    writer_.u16(static_cast<std::uint16_t>(ip.size()));
    writer_.bytes(std::as_bytes(std::span(ip.data(), ip.size())));
    return *this;
  }
  Response& ptr(std::string_view name, const char* target,
                std::uint32_t ttl = 4500) {
    begin(name, kPtr, ttl, false);
    return put_target({}, target);
  }
  Response& srv(const char* name, const char* target) {
    begin(name, kSrv, 120, true);
    return put_target(std::vector<std::byte>(6), target);
  }
  std::vector<std::byte> bytes() const {
    ByteWriter message;
    message.u16(0);
    message.u16(0x8400);
    message.u16(0);
    message.u16(count_);
    message.u32(0);
    message.bytes(writer_.view());
    return message.take();
  }

 private:
  void begin(std::string_view name, std::uint16_t type, std::uint32_t ttl,
             bool flush) {
    ++count_;
    REQUIRE(dns::write_name(writer_, name));
    writer_.u16(type);
    writer_.u16(flush ? 0x8001 : 1);
    writer_.u32(ttl);
  }
  Response& put_target(std::vector<std::byte> before, const char* target) {
    ByteWriter data;
    data.bytes(before);
    REQUIRE(dns::write_name(data, target));
    writer_.u16(static_cast<std::uint16_t>(data.size()));
    writer_.bytes(data.view());
    return *this;
  }

  ByteWriter writer_;
  std::uint16_t count_ = 0;
};

// "name type" of each question, then "=target" of each known answer.
std::string text_of_query(const std::vector<std::byte>& query) {
  std::string text;
  auto header = *dns::read_header(query);
  CHECK(header.id == 0);
  CHECK(!header.is_answer());
  std::size_t at = dns::kHeaderSize;
  for (int i = 0; i < header.questions; ++i) {
    auto name = dns::read_name(query, at);
    REQUIRE(name.has_value());
    at = name->end + 4;
    REQUIRE(at <= query.size());
    text += concat(name->text, " ",
                   load_be<std::uint16_t>(query.data() + name->end), " ");
  }
  for (const Record& record : records(query)) {
    text += concat("=", record.target, " ");
  }
  return text;
}

class Fixture {
 public:
  // The next query, at the time it is due; the clock goes there.
  std::string next_query() {
    for (int i = 0; i < 10000; ++i) {
      now = std::max(now, browser.next_time());
      browser.tick(now);
      if (auto query = browser.query(now)) {
        CHECK(query->size() <= kMaxQuery);
        return text_of_query(*query);
      }
    }
    return "none";
  }
  void hear(const Response& response, unsigned link = 1) {
    browser.heard(response.bytes(), link, now);
  }
  // What was told since the last time: "+name address ".
  std::string told() { return std::exchange(told_, {}); }
  auto seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(now - kBegin)
        .count();
  }

  static constexpr Browser::TimePoint kBegin = Browser::TimePoint() + 1h;
  Browser::TimePoint now = kBegin;
  std::string told_;
  Browser browser{kBegin, [this](bool gone, const std::string& name,
                                 const IpAddress& address) {
                    told_ += concat(gone ? '-' : '+', name, ' ', address, ' ');
                  }};
};

constexpr const char* kMeta = "_services._dns-sd._udp.local 12 ";

TEST_CASE("mdns browser: with nobody there it asks ever more seldom") {
  Fixture fixture;
  std::string times;
  for (int i = 0; i < 8; ++i) {
    CHECK(fixture.next_query() == kMeta);
    times += concat(fixture.seconds(), " ");
  }
  CHECK(times == "0 1 3 7 15 31 63 127 ");
  while (fixture.seconds() < 8 * 3600) fixture.next_query();
  auto before = fixture.now;
  fixture.next_query();
  CHECK(fixture.now - before == Browser::kLongest);
}

TEST_CASE("mdns browser: from types by services and hosts to addresses") {
  Fixture fixture;
  CHECK(fixture.next_query() == kMeta);
  fixture.hear(Response().ptr(kServiceTypes, "_ipp._tcp.local"));
  CHECK(fixture.next_query() ==
        concat("_ipp._tcp.local 12 ", kMeta, "=_ipp._tcp.local "));
  fixture.hear(Response().ptr("_ipp._tcp.local",
                              "My\\032Printer._ipp._tcp"
                              ".local"));
  CHECK(fixture.next_query().find("my\\032printer._ipp._tcp.local 33 ") !=
        std::string::npos);
  fixture.hear(Response().srv("My\\032Printer._ipp._tcp.local", "Box.local"));
  std::string query = fixture.next_query();
  CHECK(query.find("box.local 1 box.local 28 ") != std::string::npos);
  CHECK(query.find(" 33 ") == std::string::npos);
  CHECK(fixture.told().empty());
  fixture.hear(Response().a("BOX.local", "10.1.0.9"));
  CHECK(fixture.told() == "+box.local 10.1.0.9 ");
  fixture.hear(Response().a("box.local", "10.1.0.9"));
  CHECK(fixture.told().empty());
}

TEST_CASE("mdns browser: what one message says at once is not asked") {
  Fixture fixture;
  fixture.next_query();
  fixture.hear(Response()
                   .ptr("_ssh._tcp.local", "box._ssh._tcp.local")
                   .srv("box._ssh._tcp.local", "box.local")
                   .a("box.local", "10.1.0.9")
                   .a("box.local", "2001:db8::9"));
  CHECK(fixture.told() == "+box.local 10.1.0.9 +box.local 2001:db8::9 ");
  // The instance was new, and asked for nevertheless: once in vain at most.
  for (int i = 0; i < 6; ++i) {
    CHECK(fixture.next_query().find("box.local 1 ") == std::string::npos);
  }
}

TEST_CASE("mdns browser: who has an address is asked three times") {
  Fixture fixture;
  fixture.next_query();
  fixture.browser.who_has(*IpAddress::parse("10.1.0.9"), fixture.now);
  int asked = 0;
  for (int i = 0; i < 10; ++i) {
    if (fixture.next_query().find("9.0.1.10.in-addr.arpa 12 ") !=
        std::string::npos) {
      ++asked;
    }
  }
  CHECK(asked == 3);
  fixture.browser.who_has(*IpAddress::parse("10.1.0.9"), fixture.now);
  CHECK(fixture.next_query() == "9.0.1.10.in-addr.arpa 12 ");
  fixture.hear(Response().ptr("9.0.1.10.in-addr.arpa", "box.local"));
  CHECK(fixture.next_query() == "box.local 1 box.local 28 ");
  // That it says so is not enough: the name must have the address.
  CHECK(fixture.told().empty());
}

TEST_CASE("mdns browser: only local names and hosts' addresses are believed") {
  Fixture fixture;
  fixture.hear(Response()
                   .a("www.example.com", "10.1.0.9")
                   .a("bad_name.local", "10.1.0.9")
                   .a("a\\032b.local", "10.1.0.9")
                   .a("local", "10.1.0.9")
                   .a("box.local", "127.0.0.1")
                   .a("box.local", "169.254.1.1")
                   .a("box.local", "224.0.0.1")
                   .a("box.local", "0.0.0.0")
                   .a("box.local", "255.255.255.255")
                   .a("box.local", "fe80::1")
                   .a("box.local", "::1")
                   .a("box.local", "::ffff:10.1.0.9")
                   .a("box.local", "ff02::1"));
  CHECK(fixture.told().empty());
  fixture.hear(Response().srv("x._ssh._tcp.local", "www.example.com"));
  CHECK(fixture.next_query() == kMeta);
  // A query says nothing.
  std::vector<std::byte> query = Response().a("box.local", "10.1.0.9").bytes();
  query[2] = std::byte{0};
  fixture.browser.heard(query, 1, fixture.now);
  CHECK(fixture.told().empty());
}

TEST_CASE("mdns browser: goodbyes and changes of address, link by link") {
  Fixture fixture;
  fixture.hear(Response().a("box.local", "10.1.0.9"), 1);
  fixture.hear(Response().a("box.local", "10.2.0.9"), 2);
  CHECK(fixture.told() == "+box.local 10.1.0.9 +box.local 10.2.0.9 ");
  fixture.now += 2s;
  fixture.hear(Response().a("box.local", "10.1.0.10"), 1);
  CHECK(fixture.told() == "+box.local 10.1.0.10 -box.local 10.1.0.9 ");
  // Said within a second: both hold. Not said to be all: others hold.
  fixture.hear(Response().a("box.local", "10.1.0.11"), 1);
  fixture.now += 2s;
  fixture.hear(Response().a("box.local", "10.1.0.12", 120, false), 1);
  CHECK(fixture.told() == "+box.local 10.1.0.11 +box.local 10.1.0.12 ");
  fixture.hear(Response().a("box.local", "10.2.0.9", 0), 1);
  CHECK(fixture.told().empty());
  fixture.hear(Response().a("box.local", "10.2.0.9", 0), 2);
  CHECK(fixture.told() == "-box.local 10.2.0.9 ");
}

TEST_CASE("mdns browser: an address is asked for again before it is over") {
  Fixture fixture;
  fixture.hear(Response().a("box.local", "10.1.0.9", 120));
  fixture.told();
  std::string times;
  while (fixture.told_.empty() && fixture.seconds() < 3600) {
    if (fixture.next_query().find("box.local 1 ") != std::string::npos) {
      times += concat(fixture.seconds(), " ");
    }
  }
  CHECK(times == "480 540 ");
  CHECK(fixture.told() == "-box.local 10.1.0.9 ");
  fixture.hear(Response().a("box.local", "10.1.0.9", 120));
  fixture.now += 500s;
  fixture.hear(Response().a("box.local", "10.1.0.9", 120));
  fixture.told();
  while (fixture.now < Fixture::kBegin + 1100s) fixture.next_query();
  CHECK(fixture.told().empty());
}

TEST_CASE("mdns browser: a flood is bounded in memory, and in what is sent") {
  Fixture fixture;
  for (int i = 0; i < 20000; ++i) {
    std::string host = concat("host", i, ".local");
    std::string service = concat("s", i, "._x", i, "._tcp.local");
    std::string type = concat("_x", i, "._tcp.local");
    fixture.hear(Response()
                     .a(host.c_str(), "10.1.0.9")
                     .ptr(kServiceTypes, type.c_str())
                     .ptr(type, service.c_str())
                     .srv(service.c_str(), concat("t", i, ".local").c_str()));
  }
  std::size_t lines = 0;
  for (char byte : fixture.told()) lines += byte == '+';
  CHECK(lines == Browser::kMaxHosts);
  CHECK(fixture.browser.counters().hosts == Browser::kMaxHosts);
  CHECK(fixture.browser.counters().pointers == Browser::kMaxPointers);
  CHECK(fixture.browser.counters().questions <= Browser::kMaxQuestions);
  int queries = 0;
  while (fixture.now < Fixture::kBegin + 60s) {
    fixture.next_query();
    ++queries;
  }
  CHECK(queries <= 61);
}

TEST_CASE("mdns: what does not fit into a query waits for the next") {
  Fixture fixture;
  fixture.next_query();
  for (int i = 0; i < 60; ++i) {
    IpAddress address =
        *IpAddress::parse(concat("2001:db8:ffff:eeee::", i + 1).c_str());
    fixture.browser.who_has(address, fixture.now);
  }
  std::map<std::string, int> asked;
  for (int i = 0; i < 30; ++i) {
    std::string query = fixture.next_query();
    for (std::size_t at = 0; (at = query.find(" 12 ", at)) != std::string::npos;
         at += 4) {
      ++asked[query.substr(at < 72 ? 0 : at - 72, 72)];
    }
  }
  CHECK(asked.size() >= 60);
}

TEST_CASE("mdns: records that are broken or of no use are passed over") {
  auto whole = Response()
                   .ptr("_ipp._tcp.local", "x._ipp._tcp.local")
                   .srv("x._ipp._tcp.local", "box.local")
                   .a("box.local", "10.1.0.9")
                   .bytes();
  CHECK(records(whole).size() == 3);
  CHECK(records(whole)[1].target == "box.local");
  CHECK(records(whole)[2].flush);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK(records(Bytes(whole).first(size)).size() < 3);
  }
}

}  // namespace
}  // namespace ginnel::mdns
