// SPDX-License-Identifier: GPL-3.0-or-later
// With a hosts file, a resolv.conf and a name server of the test's own.
#include "client/discovery/host_names.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "names/dns_build.h"
#include "names/dns_message.h"
#include "resolve/resolver.h"
#include "tests/unit/client/discovery/far_end.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using names::Source;

class Hosts {
 public:
  FarEnd far;
  bool all_captured = true;
  std::vector<std::string> written;  // what the hosts file was to hold
  std::string refusal;               // why it cannot be written

  explicit Hosts(std::string_view resolv_conf = "search home.example\n",
                 bool in_file = true) {
    char folder[] = "/tmp/ginnel-hosts-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    folder_ = folder;
    std::ofstream(folder_ + "/resolv.conf") << resolv_conf;
    std::ofstream(folder_ + "/hosts") << "10.7.7.7 here here.example\n";
    // Nobody answers at that port.
    Resolver::of(far.executor())
        .use(folder_ + "/resolv.conf", folder_ + "/hosts", 1);
    HostNames::Hooks hooks;
    hooks.captured = [this](const IpAddress&) { return all_captured; };
    if (in_file) {
      hooks.publish = [this](const std::vector<firewall::Host>& hosts) {
        return write(hosts);
      };
    }
    std::vector<std::string> seeds = {"seed.example"};
    names.emplace(far.executor(), far.session(), seeds, std::move(hooks));
    names->start();
  }
  ~Hosts() {
    names->close();
    std::filesystem::remove_all(folder_);
  }

  void tell(const std::string& name, const std::string& address,
            bool gone = false) {
    names::NameRecord record;
    record.name = name;
    record.address = *IpAddress::parse(address);
    record.gone = gone;
    far.served().say(names::encode(record));
  }
  void await_file(const std::string& text) {
    far.turn([&] { return !written.empty() && written.back() == text; });
  }

  std::optional<HostNames> names;

 private:
  Result<void> write(const std::vector<firewall::Host>& hosts) {
    if (!refusal.empty()) return Error(refusal);
    std::string text;
    for (const firewall::Host& host : hosts) {
      text += concat(text.empty() ? "" : ", ", host.name, ' ', host.address);
    }
    written.push_back(text);
    return {};
  }

  std::string folder_;
};

TEST_CASE("host names: seeds are told, and what is found is written") {
  Hosts hosts;
  CHECK(hosts.far.served().service == mux::Service::kNames);
  hosts.far.turn([&] { return hosts.far.served().heard.size() > 2; });
  names::SeedsReader reader;
  reader.feed(hosts.far.served().heard);
  auto seeds = reader.next();
  REQUIRE(seeds);
  REQUIRE(seeds->has_value());
  CHECK((*seeds)->names == std::vector<std::string>{"seed.example"});

  hosts.tell("web", "10.0.0.1");
  hosts.tell("db.example", "10.0.0.2");
  hosts.await_file("db.example 10.0.0.2, web 10.0.0.1");
  CHECK(hosts.far.has_said("found: web is 10.0.0.1, by its hosts file"));
  hosts.tell("web", "10.0.0.1", true);
  hosts.await_file("db.example 10.0.0.2");
  CHECK(hosts.far.has_said("gone: web was 10.0.0.1, by its hosts file"));
}

TEST_CASE("host names: the hosts file is written once a second at most") {
  Hosts hosts;
  hosts.tell("first", "10.0.0.1");
  hosts.await_file("first 10.0.0.1");
  auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) {
    hosts.tell(concat("other", i), "10.0.0.1");
    hosts.tell(concat("other", i), "10.0.0.1", true);
    hosts.far.settle();
  }
  hosts.tell("second", "10.0.0.2");
  hosts.await_file("first 10.0.0.1, second 10.0.0.2");
  CHECK(hosts.written.size() == 2);
  CHECK(std::chrono::steady_clock::now() - began > 500ms);
}

TEST_CASE("host names: what this machine knows is not taken") {
  Hosts hosts;
  hosts.tell("here", "10.0.0.1");
  hosts.tell("here.example", "10.0.0.1");
  hosts.tell("wpad", "10.0.0.1");
  hosts.tell("web", "10.0.0.1");
  hosts.await_file("web 10.0.0.1");
}

TEST_CASE("host names: while own name servers are silent, public names wait") {
  Hosts hosts("nameserver 127.0.0.1\n");
  hosts.tell("bank.example", "10.0.0.1");
  hosts.tell("web", "10.0.0.2");
  hosts.await_file("web 10.0.0.2");
}

TEST_CASE("host names: what is captured decides, and changes") {
  Hosts hosts;
  hosts.all_captured = false;
  hosts.tell("web", "10.0.0.1");
  hosts.tell("other", "127.0.0.1");
  hosts.far.settle();
  hosts.all_captured = true;
  hosts.names->rules_changed();
  hosts.await_file("web 10.0.0.1");
  hosts.all_captured = false;
  hosts.names->rules_changed();
  hosts.await_file("");
}

TEST_CASE("host names: a hosts file that cannot be written is said") {
  Hosts hosts;
  hosts.refusal = "read-only";
  hosts.tell("web", "10.0.0.1");
  hosts.far.turn([&] { return hosts.far.has_said("read-only"); });
  CHECK(hosts.written.empty());
}

TEST_CASE("host names: look-ups are answered") {
  Hosts hosts("search home.example\n", false);
  hosts.tell("web", "10.0.0.1");
  auto query = dns::make_query(5, "web.home.example", dns::type::kA);
  hosts.far.turn([&] { return hosts.names->known(*query).has_value(); });
  auto answer = hosts.names->known(*query);
  CHECK(dns::addresses(*answer).addresses ==
        std::vector<IpAddress>{*IpAddress::parse("10.0.0.1")});
  CHECK(!hosts.names->known(
      *dns::make_query(5, "other.home.example", dns::type::kA)));
}

TEST_CASE("host names: a far end that talks nonsense is heard no more") {
  Hosts hosts;
  hosts.tell("web", "10.0.0.1");
  hosts.await_file("web 10.0.0.1");
  std::byte nonsense[] = {std::byte{9}, std::byte{9}};
  hosts.far.served().say(nonsense);
  hosts.far.turn([&] { return hosts.far.served().over(); });
  hosts.far.turn([&] { return hosts.far.has_said("no more host names"); });
  CHECK(hosts.written.size() == 1);
}

}  // namespace
}  // namespace ginnel
