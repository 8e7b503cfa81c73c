// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/far_networks.h"

#include <doctest/doctest.h>

#include "base/strings.h"
#include "tests/unit/client/discovery/far_end.h"

namespace ginnel {
namespace {

using What = names::RouteRecord::What;

Prefix prefix(const char* address, int length) {
  return Prefix(*IpAddress::parse(address), length);
}

class Routes {
 public:
  FarEnd far;
  std::vector<std::string> changes;  // the rules of each
  bool works = true;
  std::vector<OwnAddress> own;

  explicit Routes(RouteLimits limits = {})
      : nets(
            far.executor(), far.session(), std::move(limits),
            [this](std::vector<firewall::Rule> rules) {
              keep(rules);
              return works;
            },
            [this] { return own; }) {
    nets.start();
  }
  ~Routes() { nets.close(); }

  void tell(What what, const Prefix& network = {}) {
    names::RouteRecord record;
    record.what = what;
    record.prefix = network;
    far.served().say(names::encode(record));
  }
  void await_change(const std::string& rules,
                    std::chrono::seconds limit = std::chrono::seconds(5)) {
    far.turn([&] { return !changes.empty() && changes.back() == rules; },
             limit);
  }

  FarNetworks nets;

 private:
  void keep(const std::vector<firewall::Rule>& rules) {
    std::string text;
    for (const auto& rule : rules) {
      bool include = rule.action == firewall::Action::kInclude;
      text += concat(text.empty() ? "" : " ", include ? "" : "-", rule.prefix);
    }
    changes.push_back(text);
  }
};

TEST_CASE("far networks: the whole list is awaited, and is one change") {
  Routes routes;
  CHECK(routes.far.served().service == mux::Service::kRoutes);
  routes.tell(What::kAdded, prefix("10.1.0.0", 16));
  routes.tell(What::kAdded, prefix("10.2.0.0", 16));
  routes.tell(What::kAdded, prefix("8.0.0.0", 8));
  routes.far.settle();
  CHECK(routes.changes.empty());
  routes.tell(What::kComplete);
  routes.far.run(routes.nets.wait());
  REQUIRE(routes.changes.size() == 1);
  CHECK(routes.changes[0] == "10.1.0.0/16 10.2.0.0/16");
  CHECK(routes.far.said ==
        std::vector<std::string>{
            "captured: 10.1.0.0/16", "captured: 10.2.0.0/16",
            "not captured: 8.0.0.0/8: it is public and wide; to capture it, "
            "name it, or write --auto-nets=all"});
}

TEST_CASE("far networks: captured is what the firewall has taken") {
  Routes routes;
  routes.works = false;
  routes.tell(What::kAdded, prefix("10.1.0.0", 16));
  routes.tell(What::kComplete);
  routes.far.run(routes.nets.wait());
  CHECK(routes.changes.back() == "10.1.0.0/16");
  CHECK(routes.far.said.empty());
  routes.nets.in_effect();
  CHECK(routes.far.said == std::vector<std::string>{"captured: 10.1.0.0/16"});
}

TEST_CASE("far networks: one that flaps is no work for the firewall") {
  Routes routes;
  routes.tell(What::kComplete);
  routes.far.run(routes.nets.wait());
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  bool there = false;
  while (std::chrono::steady_clock::now() < end) {
    there = !there;
    routes.tell(there ? What::kAdded : What::kRemoved, prefix("10.1.0.0", 16));
    auto told = std::chrono::steady_clock::now();
    routes.far.turn([&] {
      return std::chrono::steady_clock::now() >
             told + std::chrono::milliseconds(20);
    });
  }
  CHECK(routes.changes.size() <= 2);
}

TEST_CASE("far networks: many are a few lines") {
  Routes routes;
  for (int i = 0; i < 100; ++i) {
    routes.tell(What::kAdded, prefix(concat("10.1.", i, ".0").c_str(), 24));
  }
  routes.tell(What::kComplete);
  routes.far.run(routes.nets.wait());
  CHECK(routes.far.said.size() == 21);
  CHECK(routes.far.has_said("captured: and 80 more"));
}

TEST_CASE("far networks: changes are followed, many at once") {
  Routes routes;
  routes.tell(What::kAdded, prefix("10.1.0.0", 16));
  routes.tell(What::kComplete);
  routes.far.run(routes.nets.wait());
  routes.far.said.clear();
  routes.tell(What::kRemoved, prefix("10.1.0.0", 16));
  for (int i = 0; i < 100; ++i) {
    routes.tell(What::kAdded, prefix("fd00::", i));
    routes.tell(What::kRemoved, prefix("fd00::", i));
    routes.far.settle();
  }
  routes.tell(What::kAdded, prefix("10.3.0.0", 16));
  routes.await_change("10.3.0.0/16");
  CHECK(routes.changes.size() <= 3);
  CHECK(routes.far.has_said("no longer captured: 10.1.0.0/16"));
  CHECK(routes.far.has_said("captured: 10.3.0.0/16"));
}

TEST_CASE(
    "far networks: this machine's networks are left alone, as they change") {
  Routes routes;
  routes.own = {OwnAddress(*IpAddress::parse("192.168.7.5"), 24),
                OwnAddress(*IpAddress::parse("192.168.7.6"), 24)};
  routes.tell(What::kAdded, prefix("192.168.0.0", 16));
  routes.tell(What::kComplete);
  routes.far.run(routes.nets.wait());
  CHECK(routes.changes.back() == "192.168.0.0/16 -192.168.7.0/24");
  routes.own = {OwnAddress(*IpAddress::parse("192.168.9.5"), 24)};
  routes.await_change("192.168.0.0/16 -192.168.9.0/24",
                      2 * FarNetworks::kLookAround);
}

TEST_CASE("far networks: a far end that breaks off, or talks nonsense") {
  Routes routes;
  routes.tell(What::kAdded, prefix("10.1.0.0", 16));
  SUBCASE("breaks off") {
    routes.far.settle();
    routes.far.served().reset();
  }
  SUBCASE("ends") { routes.far.served().finish_saying(); }
  SUBCASE("nonsense") {
    std::byte nonsense[] = {std::byte{9}};
    routes.far.served().say(nonsense);
  }
  routes.far.run(routes.nets.wait());
  CHECK(routes.far.has_said("tells of no more networks"));
  CHECK(routes.changes.size() == 1);
}

TEST_CASE("far networks: no more routes than there may be") {
  RouteLimits limits;
  limits.all = true;
  Routes routes(limits);
  std::vector<std::byte> many;
  for (std::size_t i = 0; i < names::kMaxRoutes + 50; ++i) {
    std::uint8_t bytes[4] = {10, static_cast<std::uint8_t>(i >> 8),
                             static_cast<std::uint8_t>(i), 0};
    names::RouteRecord record;
    record.what = What::kAdded;
    record.prefix = Prefix(IpAddress(Family::kIpv4, bytes), 24);
    auto record_bytes = names::encode(record);
    many.insert(many.end(), record_bytes.begin(), record_bytes.end());
  }
  routes.far.served().say(many);
  routes.tell(What::kComplete);
  routes.far.run(routes.nets.wait());
  std::size_t rules = 0;
  for (char letter : routes.changes.back()) rules += letter == '/';
  CHECK(rules == names::kMaxRoutes);
}

}  // namespace
}  // namespace ginnel
