// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/dns/own_name_servers.h"

#include <doctest/doctest.h>
#include <net/if.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "client/options.h"

namespace ginnel {
namespace {

using Addresses = std::vector<IpAddress>;

Addresses list(std::initializer_list<const char*> texts) {
  Addresses addresses;
  for (const char* text : texts) addresses.push_back(*IpAddress::parse(text));
  return addresses;
}

const Addresses kStub = list({"127.0.0.53"});
const Addresses kUpstream = list({"192.0.2.1", "2001:db8::1"});

TEST_CASE("own_name_servers: those named are captured, each once") {
  CHECK(captured_servers(list({"192.0.2.7", "2001:db8::7", "192.0.2.7"}),
                         kUpstream,
                         false) == list({"192.0.2.7", "2001:db8::7"}));
}

TEST_CASE("own_name_servers: with none named, the C library asks loopback") {
  CHECK(captured_servers({}, {}, false) == list({"127.0.0.1", "::1"}));
  CHECK(captured_servers({}, {}, true) == list({"127.0.0.1", "::1"}));
}

TEST_CASE("own_name_servers: whom a stub asks is captured with it") {
  CHECK(captured_servers(kStub, kUpstream, false) ==
        list({"127.0.0.53", "192.0.2.1", "2001:db8::1"}));
  CHECK(captured_servers(list({"127.0.0.1"}), kUpstream, true) ==
        list({"127.0.0.1", "192.0.2.1", "2001:db8::1"}));
}

TEST_CASE("own_name_servers: resolved that asks us is left alone, only it") {
  CHECK(captured_servers(kStub, kUpstream, true).empty());
  CHECK(captured_servers(list({"127.0.0.54"}), kUpstream, true).empty());
  CHECK(captured_servers(list({"127.0.0.53", "192.0.2.7"}), kUpstream, true) ==
        list({"192.0.2.7"}));
  // It runs, and no program asks it.
  CHECK(captured_servers(kUpstream, kUpstream, true) == kUpstream);
}

TEST_CASE("own_name_servers: so many and no more") {
  Addresses many = kStub;
  for (int i = 0; i < 60; ++i) {
    many.push_back(*IpAddress::parse(concat("192.0.2.", i)));
  }
  CHECK(captured_servers(many, kUpstream, false).size() == kMaxNameServers);
  CHECK(captured_servers(kStub, many, false).size() == kMaxNameServers);
}

TEST_CASE("own_name_servers: both files are read") {
  std::string folder =
      concat("/tmp/ginnel-own-name-servers-", static_cast<int>(::getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/resolv.conf") << "nameserver 127.0.0.53\n";
  std::ofstream(folder + "/upstream") << "nameserver 192.0.2.1\n";
  OwnNameServers own(folder + "/resolv.conf", folder + "/upstream");
  CHECK(own.addresses(false) == list({"127.0.0.53", "192.0.2.1"}));
  CHECK(own.addresses(true).empty());
  std::ofstream(folder + "/zones")
      << "nameserver fe80::1%lo\nnameserver fe80::2\n";
  OwnNameServers zones(folder + "/zones", folder + "/upstream");
  CHECK(zones.zone_of(*IpAddress::parse("fe80::1")) == ::if_nametoindex("lo"));
  CHECK(zones.zone_of(*IpAddress::parse("fe80::2")) == 0);
  CHECK(zones.zone_of(*IpAddress::parse("192.0.2.1")) == 0);
  std::filesystem::remove_all(folder);
  OwnNameServers none(folder + "/resolv.conf", folder + "/upstream");
  CHECK(none.addresses(false) == list({"127.0.0.1", "::1"}));
}

}  // namespace
}  // namespace ginnel
