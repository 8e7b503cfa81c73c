// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/wire.h"

#include <doctest/doctest.h>

#include <string>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }
Prefix net(const char* text, int length) { return Prefix(ip(text), length); }

Filters full_filters() {
  Filters filters;
  filters.user = 1000;
  filters.group = 0;
  filters.forwarded = true;
  filters.uplinks = {"eth0", "wwan0"};
  filters.lan_interfaces = {"br-lan.100_abcd"};
  filters.lan_prefixes = {net("192.168.1.0", 24), net("fd00:1::", 64)};
  return filters;
}

std::vector<Request> one_of_each_request() {
  return {
      request::Hello{7},
      request::MarkedSocket{Family::kIpv6, SocketKind::kUdp},
      request::Listen{Purpose::kConnections, Endpoint(ip("127.0.0.1"), 0)},
      request::Listen{Purpose::kDnsTcp, Endpoint(ip("127.0.0.1"), 0)},
      request::Listen{Purpose::kDnsUdp, Endpoint(ip("::"), 65535)},
      request::AddRules{
          {Rule(net("0.0.0.0", 0), PortRange(), Action::kInclude),
           Rule(net("2001:db8::", 32), PortRange(80, 443), Action::kExclude)}},
      request::SetFilters{full_filters()},
      request::Install{},
      request::NameServers{{ip("127.0.0.53"), ip("2001:db8::53")}},
      request::NameServers{},
      request::ClearRules{},
      request::SetHosts{true,
                        {Host(ip("10.1.2.3"), "printer"),
                         Host(ip("fd00::1"), "nas.corp.example")}},
      request::SetHosts{},
      request::SetResolver{{"corp.example", "10.in-addr.arpa"},
                           Endpoint(ip("127.0.0.1"), 5353)},
      request::SetResolver{},
      request::Diverted{Endpoint(ip("192.168.7.2"), 40000),
                        Endpoint(ip("192.168.7.1"), 12400)},
  };
}

std::vector<Answer> one_of_each_answer() {
  return {
      answer::Done{},
      answer::Failed{"no such thing"},
      answer::Listening{Endpoint(ip("::1"), 12300)},
      answer::Meant{Endpoint(ip("2620:fe::fe"), 53)},
  };
}

std::vector<std::byte> raw(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

std::string refusal(const std::vector<std::byte>& message) {
  Result<Request> request = decode_request(message);
  return request ? "accepted" : request.error().message();
}

TEST_CASE("firewall wire: every request survives the way there") {
  for (const Request& request : one_of_each_request()) {
    CAPTURE(request.index());
    Result<Request> decoded = decode_request(encode(request));
    REQUIRE(decoded);
    CHECK(*decoded == request);
  }
}

TEST_CASE("firewall wire: every answer survives the way back") {
  for (const Answer& answer : one_of_each_answer()) {
    CAPTURE(answer.index());
    Result<Answer> decoded = decode_answer(encode(answer));
    REQUIRE(decoded);
    CHECK(*decoded == answer);
  }
}

TEST_CASE("firewall wire: a message cut anywhere, or longer, is refused") {
  for (const Request& request : one_of_each_request()) {
    std::vector<std::byte> whole = encode(request);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(request.index());
      CAPTURE(size);
      CHECK_FALSE(decode_request(Bytes(whole).first(size)));
    }
    whole.push_back(std::byte{0});
    CHECK(refusal(whole) == "the message is too long");
  }
  for (const Answer& answer : one_of_each_answer()) {
    std::vector<std::byte> whole = encode(answer);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CHECK_FALSE(decode_answer(Bytes(whole).first(size)));
    }
    whole.push_back(std::byte{0});
    CHECK_FALSE(decode_answer(whole));
  }
}

TEST_CASE("firewall wire: a request is these bytes") {
  CHECK(encode(Request(request::Hello{1})) == raw({1, 0, 1}));
  CHECK(encode(Request(request::AddRules{{Rule(
            net("10.0.0.0", 8), PortRange(80, 443), Action::kInclude)}})) ==
        raw({4, 0, 1, 4, 10, 0, 0, 0, 8, 0, 80, 1, 0xbb, 1}));
  CHECK(encode(Request(request::MarkedSocket{
            Family::kIpv4, SocketKind::kUdp})) == raw({2, 4, 1}));
  CHECK(encode(Request(request::Listen{Purpose::kDnsUdp,
                                       Endpoint(ip("127.0.0.1"), 5353)})) ==
        raw({3, 2, 4, 127, 0, 0, 1, 0x14, 0xe9}));
  CHECK(encode(Request(request::NameServers{{ip("127.0.0.53")}})) ==
        raw({7, 0, 1, 4, 127, 0, 0, 53}));
  CHECK(encode(Request(request::ClearRules{})) == raw({8}));
  CHECK(
      encode(Request(request::SetHosts{true, {Host(ip("10.1.2.3"), "a.b")}})) ==
      raw({9, 1, 0, 1, 4, 10, 1, 2, 3, 3, 'a', '.', 'b'}));
  CHECK(encode(Request(
            request::SetResolver{{"a.b"}, Endpoint(ip("127.0.0.1"), 53)})) ==
        raw({10, 1, 3, 'a', '.', 'b', 4, 127, 0, 0, 1, 0, 53}));
}

TEST_CASE("firewall wire: what has no meaning is refused by name") {
  CHECK(refusal(raw({})) == "unknown request type 0");
  CHECK(refusal(raw({99})) == "unknown request type 99");
  CHECK(refusal(raw({2, 5})) == "unknown address family 5");
  CHECK(refusal(raw({2, 4, 2})) == "unknown kind of socket 2");
  CHECK(refusal(raw({3, 0, 4, 127, 0, 0, 1, 0, 80})) ==
        "listener port 80 is below 1024");
  CHECK(refusal(raw({3, 2, 4, 127, 0, 0, 1, 0, 53})) ==
        "listener port 53 is below 1024");
  CHECK(refusal(raw({3, 0, 4, 127, 0, 0, 1, 3, 0xff})) ==
        "listener port 1023 is below 1024");
  CHECK(refusal(raw({3, 0, 4, 127, 0, 0, 1, 4, 0})) == "accepted");
  CHECK(refusal(raw({3, 3, 4, 127, 0, 0, 1, 4, 0})) == "unknown purpose 3");
  CHECK(refusal(raw({4, 0, 1, 4, 10, 0, 0, 0, 33, 0, 0, 0, 0, 1})) ==
        "prefix length 33 of 10.0.0.0");
  CHECK(refusal(raw({4, 0, 1, 4, 10, 0, 0, 1, 8, 0, 0, 0, 0, 1})) ==
        "bits set after the prefix of 10.0.0.1/8");
  CHECK(refusal(raw({4, 0, 1, 4, 10, 0, 0, 0, 8, 0, 2, 0, 1, 1})) ==
        "port range 2-1");
  CHECK(refusal(raw({4, 0, 1, 4, 10, 0, 0, 0, 8, 0, 0, 0, 0, 2})) ==
        "unknown action 2");
  CHECK(refusal(raw({5, 8, 0, 0, 0, 0, 0, 0})) == "unknown filter flags 8");
  CHECK(refusal(raw({5, 1, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0})) ==
        "user or group 4294967295");
  CHECK(refusal(raw({5, 0, 0, 1, 3, 'a', '/', 'b', 0, 0, 0, 0})) ==
        "interface name 'a/b'");
  CHECK(refusal(raw({7, 0, 1, 5, 1, 2, 3, 4})) == "unknown address family 5");
  CHECK(refusal(raw({9, 2, 0, 0})) == "unknown flag 2");
  CHECK(refusal(raw({9, 0, 0, 1, 4, 10, 1, 2, 3, 3, 'a', '\n', 'b'})) ==
        "name 'a\\x0ab'");
  CHECK(refusal(raw({9, 0, 0, 1, 4, 10, 1, 2, 3, 0})) == "name ''");
  CHECK(refusal(raw({10, 1, 2, 'a', ' ', 4, 127, 0, 0, 1, 0, 53})) ==
        "name 'a '");
}

TEST_CASE("firewall wire: counts are bounded before anything is kept") {
  ByteWriter rules;
  rules.u8(4);
  rules.u16(kMaxRulesInMessage + 1);
  CHECK(refusal(rules.take()) == "a list of 1025 with room for 1024");
  ByteWriter uplinks;
  uplinks.u8(5);
  uplinks.u8(0);
  uplinks.u16(kMaxUplinks + 1);
  CHECK(refusal(uplinks.take()) == "a list of 17 with room for 16");
  CHECK(refusal(raw({7, 0, 33})) == "a list of 33 with room for 32");
  CHECK(refusal(raw({9, 0, 0x10, 1})) == "a list of 4097 with room for 4096");
  CHECK(refusal(raw({10, 65})) == "a list of 65 with room for 64");
  CHECK(refusal(std::vector<std::byte>(kMaxMessage + 1)) ==
        "the message is too long");
}

TEST_CASE("firewall wire: the largest of each fits into one message") {
  request::AddRules add;
  add.rules.assign(kMaxRulesInMessage,
                   Rule(net("2001:db8::", 32), PortRange(), Action::kInclude));
  CHECK(encode(Request(add)).size() <= kMaxMessage);
  CHECK(decode_request(encode(Request(add))));

  Filters filters = full_filters();
  filters.uplinks.assign(kMaxUplinks, "abcdefghijklmno");
  filters.lan_interfaces.assign(kMaxLanInterfaces, "abcdefghijklmno");
  filters.lan_prefixes.assign(kMaxLanPrefixes, net("2001:db8::", 32));
  CHECK(decode_request(encode(Request(request::SetFilters{filters}))));

  request::NameServers servers;
  servers.addresses.assign(kMaxNameServers, ip("2001:db8::53"));
  CHECK(decode_request(encode(Request(servers))));
  request::SetResolver resolver;
  resolver.domains.assign(kMaxDomains, std::string(kMaxName, 'x'));
  CHECK(decode_request(encode(Request(resolver))));
}

TEST_CASE("firewall wire: as many hosts as there is room for, and no more") {
  const Host host(ip("2001:db8::1"), std::string(kMaxName, 'x'));
  request::SetHosts set;
  set.hosts.assign(kHostsRoom / wire_size(host), host);
  CHECK(decode_request(encode(Request(set))));
  set.hosts.push_back(host);
  CHECK(refusal(encode(Request(set))) == "the message is too long");
}

TEST_CASE("firewall wire: a long sentence is cut, not refused") {
  Answer failed = answer::Failed{std::string(kMaxSentence + 9, 'x')};
  Result<Answer> decoded = decode_answer(encode(failed));
  REQUIRE(decoded);
  CHECK(std::get<answer::Failed>(*decoded).sentence ==
        std::string(kMaxSentence, 'x'));
}

TEST_CASE("firewall wire: interface names are the kernel's") {
  for (const char* good :
       {"lo", "eth0", "br-lan", "wg0.5", "a@b", "15characters-ok"}) {
    CAPTURE(good);
    CHECK(is_interface_name(good));
  }
  for (const char* bad : {"", ".", "..", "a/b", "a:b", "a b", "a\nb", "\x7f",
                          "sixteencharacter"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_interface_name(bad));
  }
  CHECK_FALSE(is_interface_name(std::string_view("a\0b", 3)));
}

TEST_CASE("firewall wire: names have no bytes that mean something in a file") {
  for (const char* good : {"a", "A-1.b_c", "corp.example", "1"}) {
    CAPTURE(good);
    CHECK(is_plain_name(good));
  }
  for (const char* bad : {"", "a b", "a\tb", "a\nb", "a#b", "a/b", "~a", "\xe4",
                          "a\x7f", "a%b", "a:b"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_plain_name(bad));
  }
  CHECK(is_plain_name(std::string(kMaxName, 'x')));
  CHECK_FALSE(is_plain_name(std::string(kMaxName + 1, 'x')));
  CHECK_FALSE(is_plain_name(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace ginnel::firewall
