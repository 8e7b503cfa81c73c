// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/rule_installer.h"

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include "base/log.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

TEST_CASE("rule installer: a failure is tried again, and said once") {
  asio::io_context io{1};
  std::vector<std::string> said;
  log::set_sink(
      [&](log::Level, std::string_view line) { said.emplace_back(line); });
  int tries = 0, in_effect = 0;
  bool works = true;
  RuleKeeper rules(
      {[](auto) { return Result<void>(); }, [](auto) { return Result<void>(); },
       [&]() -> Result<void> {
         ++tries;
         return works ? Result<void>() : Error("no memory");
       }},
      {});
  RuleInstaller installer(io.get_executor(), rules, [&] { ++in_effect; });
  CHECK(installer.install());
  works = false;
  firewall::Rule rule(Prefix(*IpAddress::parse("10.0.0.0"), 8), PortRange(),
                      firewall::Action::kInclude);
  rules.set(RuleKeeper::Part::kRoutes, {rule});
  for (int i = 0; i < 5; ++i) CHECK_FALSE(installer.install());
  CHECK(tries == 2);
  io.run_for(1500ms);
  CHECK(tries == 3);
  CHECK(said.size() == 1);
  CHECK(in_effect == 0);
  works = true;
  io.run_for(2s);
  CHECK(tries == 4);
  CHECK(in_effect == 1);
  CHECK(installer.install());
  CHECK(said.size() == 1);
  log::set_sink([](log::Level, std::string_view) {});
}

}  // namespace
}  // namespace ginnel
