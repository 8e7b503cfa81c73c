// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/messages.h"

#include <doctest/doctest.h>

#include "base/strings.h"

namespace ginnel::names {
namespace {

IpAddress address(const char* text) { return *IpAddress::parse(text); }

// Fed byte by byte, `value` comes out with its last byte and not before.
template <typename Value>
void check_round_trip(const Value& value) {
  auto bytes = encode(value);
  Reader<Value> reader;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto early = reader.next();
    REQUIRE(early);
    CHECK_FALSE(early->has_value());
    reader.feed(Bytes(bytes).subspan(i, 1));
  }
  auto whole = reader.next();
  REQUIRE(whole);
  REQUIRE(whole->has_value());
  CHECK(**whole == value);
  CHECK(reader.empty());
}

template <typename Value>
bool refused(std::initializer_list<int> bytes) {
  std::string text;
  for (int byte : bytes) text += static_cast<char>(byte);
  Reader<Value> reader;
  reader.feed(as_bytes(text));
  return !reader.next();
}

TEST_CASE("messages: what is encoded is read, however it is cut") {
  LookUp look_up;
  look_up.over_tcp = true;
  look_up.servers = {Endpoint(address("192.0.2.53"), 53),
                     Endpoint(address("2001:db8::53"), 5353)};
  look_up.query.assign(300, std::byte{7});
  check_round_trip(look_up);

  Addresses addresses;
  addresses.status = Addresses::Status::kFound;
  addresses.lasts = std::chrono::seconds(86400);
  addresses.addresses = {address("10.1.2.3"), address("fd00::1")};
  check_round_trip(addresses);

  RouteRecord route;
  route.what = RouteRecord::What::kAdded;
  route.prefix = Prefix(address("10.64.0.0"), 10);
  check_round_trip(route);
  check_round_trip(RouteRecord());

  NameRecord name;
  name.gone = true;
  name.source = Source::kMulticastDns;
  name.address = address("fd00::2");
  name.name = "printer.local";
  check_round_trip(name);

  Seeds seeds;
  seeds.names = {"alpha", "beta.example"};
  check_round_trip(seeds);
}

TEST_CASE("messages: several that arrive at once come out one by one") {
  RouteReader reader;
  RouteRecord record;
  record.what = RouteRecord::What::kAdded;
  for (int length = 8; length <= 16; ++length) {
    record.prefix = Prefix(address("10.0.0.0"), length);
    auto bytes = encode(record);
    // The end of each comes with the next one's beginning.
    reader.feed(Bytes(bytes).first(3));
    CHECK(reader.next());
    reader.feed(Bytes(bytes).subspan(3));
    reader.feed(bytes);
    for (int i = 0; i < 2; ++i) {
      auto next = reader.next();
      REQUIRE(next);
      REQUIRE(next->has_value());
      CHECK(**next == record);
      CHECK(reader.empty() == (i == 1));
    }
  }
}

TEST_CASE("messages: PROTOCOL.md's example of a look-up") {
  CHECK(hexadecimal(encode_name("db")) == "026462");
  Addresses addresses;
  addresses.status = Addresses::Status::kFound;
  addresses.lasts = std::chrono::seconds(60);
  addresses.addresses.push_back(address("10.80.1.1"));
  CHECK(hexadecimal(encode(addresses)) == "000000003c0001040a500101");
}

TEST_CASE("messages: what breaks a bound is refused") {
  CHECK(refused<LookUp>({2, 0}));                       // an unknown flag
  CHECK(refused<LookUp>({0, 9}));                       // too many servers
  CHECK(refused<LookUp>({0, 1, 5}));                    // no such family
  CHECK(refused<RouteRecord>({4}));                     // no such record
  CHECK(refused<RouteRecord>({1, 4, 10, 0, 0, 1, 8}));  // host bits
  CHECK(refused<RouteRecord>({1, 4, 10, 0, 0, 0, 33}));
  CHECK(refused<NameRecord>({1, 9}));                    // no such source
  CHECK(refused<NameRecord>({1, 1, 4, 1, 2, 3, 4, 0}));  // no name
  CHECK(refused<NameRecord>({1, 1, 4, 1, 2, 3, 4, 3, 'a', '\n', 'b'}));
  CHECK(refused<Addresses>({3}));
  CHECK(refused<Addresses>({0, 0, 0, 0, 0, 0, 65}));
  CHECK(refused<Seeds>({0xff, 0xff}));
}

}  // namespace
}  // namespace ginnel::names
