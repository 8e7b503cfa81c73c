// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/rule_keeper.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "base/log.h"
#include "base/strings.h"

namespace ginnel {
namespace {

using Part = RuleKeeper::Part;

firewall::Rule include(const char* address, int length) {
  return firewall::Rule(Prefix(*IpAddress::parse(address), length), PortRange(),
                        firewall::Action::kInclude);
}

// Plays the firewall.
class Kept {
 public:
  explicit Kept(std::vector<firewall::Rule> fixed)
      : rules(
            {[this](std::span<const firewall::Rule> all) -> Result<void> {
               sent.assign(all.begin(), all.end());
               ++replaced;
               return {};
             },
             [this](std::span<const IpAddress>) -> Result<void> { return {}; },
             [this]() -> Result<void> {
               if (refuses && refuses(sent)) return Error("it does not work");
               installed = shown(sent);
               return {};
             }},
            std::move(fixed)) {
    log::set_sink(
        [this](log::Level, std::string_view line) { said.emplace_back(line); });
  }
  ~Kept() {
    log::set_sink([](log::Level, std::string_view) {});
  }

  static std::string shown(const std::vector<firewall::Rule>& all) {
    std::string text;
    for (const auto& rule : all) {
      text += concat(text.empty() ? "" : " ", rule.prefix);
    }
    return text;
  }

  std::function<bool(const std::vector<firewall::Rule>&)> refuses;
  std::vector<firewall::Rule> sent;
  int replaced = 0;
  std::string installed = "nothing";
  std::vector<std::string> said;
  RuleKeeper rules;
};

TEST_CASE("rules: what is told for a family without a listener is left out") {
  Kept kept({});
  kept.rules.set_families(true, false);
  kept.rules.set(Part::kFarNames, {include("fd00::1", 128)});
  kept.rules.set(Part::kRoutes,
                 {include("10.0.0.0", 8), include("fd00::", 64)});
  CHECK(kept.rules.install());
  CHECK(kept.installed == "10.0.0.0/8");
  CHECK(kept.said.size() == 1);
  CHECK(kept.rules.captures(*IpAddress::parse("10.0.0.1")));
  CHECK_FALSE(kept.rules.captures(*IpAddress::parse("fd00::1")));
  kept.rules.set(Part::kRoutes, {});
  CHECK(kept.rules.install());
  CHECK(kept.installed.empty());
  CHECK(kept.said.size() == 1);
}

TEST_CASE("rules: what is told does not make the first install fail") {
  Kept kept({include("10.0.0.0", 8)});
  kept.refuses = [](const auto& rules) { return rules.size() > 1; };
  kept.rules.set(Part::kFarNames, {include("192.0.2.1", 32)});
  CHECK(kept.rules.install());
  CHECK(kept.installed == "10.0.0.0/8");
  CHECK(kept.said.size() == 1);
  CHECK_FALSE(kept.rules.install());
  CHECK(kept.installed == "10.0.0.0/8");
  kept.refuses = nullptr;
  CHECK(kept.rules.install());
  CHECK(kept.installed == "10.0.0.0/8 192.0.2.1/32");
  CHECK(kept.said.size() == 1);
}

TEST_CASE("rules: what the user named does") {
  Kept kept({include("10.0.0.0", 8)});
  kept.refuses = [](const auto&) { return true; };
  SUBCASE("alone") {}
  SUBCASE("with others") {
    kept.rules.set(Part::kFarNames, {include("192.0.2.1", 32)});
  }
  CHECK_FALSE(kept.rules.install());
  CHECK(kept.said.empty());
}

TEST_CASE("rules: no more than the firewall takes") {
  std::size_t named = firewall::kMaxRules - 1;
  SUBCASE("room for one") {
    Kept kept(std::vector(named, include("10.0.0.0", 8)));
    kept.rules.set(Part::kFarNames,
                   {include("192.0.2.1", 32), include("192.0.2.2", 32)});
    CHECK(kept.rules.install());
    CHECK(kept.sent.size() == firewall::kMaxRules);
    CHECK(kept.said.size() == 1);
  }
  SUBCASE("the user's are too many") {
    Kept kept(std::vector(named + 2, include("10.0.0.0", 8)));
    kept.rules.set(Part::kFarNames, {include("192.0.2.1", 32)});
    CHECK_FALSE(kept.rules.install());
    CHECK(kept.replaced == 0);
  }
}

TEST_CASE("rules: nothing is sent when nothing has changed") {
  Kept kept({include("10.0.0.0", 8)});
  CHECK(kept.rules.install());
  CHECK(kept.rules.install());
  CHECK(kept.replaced == 1);
}

}  // namespace
}  // namespace ginnel
