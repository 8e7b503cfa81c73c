// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/far_name.h"

#include <doctest/doctest.h>

#include "base/strings.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using Status = names::Addresses::Status;

SubnetSpec spec(std::string_view text) {
  auto parsed = parse_subnet(text);
  REQUIRE(parsed);
  return *parsed;
}

names::Addresses answer(Status status, std::chrono::seconds lasts,
                        std::initializer_list<const char*> addresses = {}) {
  names::Addresses result;
  result.status = status;
  result.lasts = lasts;
  for (const char* text : addresses) {
    result.addresses.push_back(*IpAddress::parse(text));
  }
  return result;
}

std::string addresses(const FarName& name) {
  std::string text;
  for (const auto& address : name.addresses()) {
    text += concat(text.empty() ? "" : " ", address);
  }
  return text;
}

TEST_CASE("far name: an answer counts as long as it says, within limits") {
  FarName name(spec("far:db.example"), true);
  CHECK(name.take(answer(Status::kFound, 90s, {"10.0.0.1"})) == 90s);
  CHECK(name.take(answer(Status::kFound, 0s, {"10.0.0.1"})) == 5s);
  CHECK(name.take(answer(Status::kFound, 86400s, {"10.0.0.1"})) == 3600s);
  CHECK(name.take_news() == "");
}

TEST_CASE("far name: addresses are replaced, sorted, and none twice") {
  FarName name(spec("far:db.example"), true);
  name.take(answer(Status::kFound, 9s, {"fd00::1", "10.0.0.2", "10.0.0.2"}));
  CHECK(addresses(name) == "10.0.0.2 fd00::1");
  name.take(answer(Status::kFound, 9s, {"10.0.0.3"}));
  CHECK(addresses(name) == "10.0.0.3");
}

TEST_CASE("far name: what can be no host is not captured") {
  FarName name(spec("far:db.example"), true);
  name.take(answer(Status::kFound, 9s,
                   {"127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0",
                    "255.255.255.255", "::1", "::", "fe80::1", "ff02::1",
                    "::ffff:10.0.0.1", "10.0.0.1"}));
  CHECK(addresses(name) == "10.0.0.1");
  CHECK(name.take(answer(Status::kFound, 60s, {"127.0.0.1"})) == 5s);
  CHECK(addresses(name) == "");
  CHECK(name.take_news() ==
        "far:db.example has no address that can be captured; it is asked for "
        "again until it has");
}

TEST_CASE("far name: no IPv6 with --disable-ipv6") {
  FarName name(spec("far:db.example"), false);
  name.take(answer(Status::kFound, 9s, {"fd00::1", "10.0.0.2"}));
  CHECK(addresses(name) == "10.0.0.2");
}

TEST_CASE("far name: a silent name server takes nothing away") {
  FarName name(spec("far:db.example"), true);
  name.take(answer(Status::kFound, 9s, {"10.0.0.1"}));
  CHECK(name.take(answer(Status::kNoAnswer, 30s)) == 5s);
  CHECK(name.take(std::nullopt) == 10s);
  CHECK(addresses(name) == "10.0.0.1");
}

TEST_CASE("far name: where there is no such name, nothing is captured") {
  FarName name(spec("far:db.example"), true);
  name.take(answer(Status::kFound, 9s, {"10.0.0.1"}));
  CHECK(name.take(answer(Status::kNoName, 900s)) == 5s);
  CHECK(addresses(name) == "");
}

TEST_CASE("far name: failures are tried again, ever less often") {
  FarName name(spec("far:db.example"), true);
  std::string delays;
  for (int i = 0; i < 9; ++i) {
    delays += concat(name.take(answer(Status::kNoName, 1s)).count(), ' ');
  }
  CHECK(delays == "5 10 20 40 80 160 300 300 300 ");
  name.take(answer(Status::kFound, 60s, {"10.0.0.1"}));
  CHECK(name.take(answer(Status::kNoName, 1s)) == 5s);
}

TEST_CASE("far name: a failure is news once, and so is its end") {
  FarName name(spec("far:db.example:443"), true);
  name.take(std::nullopt);
  CHECK(name.take_news().starts_with("far:db.example:443: the far end has no"));
  CHECK(!name.is_found());
  name.take(std::nullopt);
  CHECK(name.take_news() == "");
  name.take(answer(Status::kFound, 60s, {"10.0.0.1"}));
  CHECK(name.is_found());
  CHECK(name.take_news() == "far:db.example:443 has been found");
  CHECK(name.take_news() == "");
}

}  // namespace
}  // namespace ginnel
