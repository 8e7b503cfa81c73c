// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/resolv_conf.h"

#include <doctest/doctest.h>

#include "base/strings.h"

namespace ginnel::names {
namespace {

// "servers; search; ndots timeout [tcp]".
std::string read(std::string_view text) {
  ResolvConf conf = parse_resolv_conf(text);
  std::string words;
  for (auto& server : conf.servers) {
    words += to_string(server.address);
    if (!server.zone.empty()) words += '%' + server.zone;
    words += ' ';
  }
  words += "; ";
  for (auto& domain : conf.search) words += domain + ' ';
  return words + concat("; ", conf.ndots, ' ', conf.timeout.count(),
                        conf.over_tcp ? " tcp" : "");
}

TEST_CASE("resolv_conf: what glibc reads is read") {
  CHECK(read("# made by hand\n"
             "search Corp.Example. sub.example\n"
             "nameserver 192.0.2.1\n"
             "  nameserver\t2001:db8::53 # the other\n"
             "nameserver fe80::1%eth0\n"
             "options ndots:2 timeout:3 edns0 use-vc\n") ==
        "192.0.2.1 2001:db8::53 fe80::1%eth0 ; corp.example sub.example ; "
        "2 3 tcp");
  CHECK(read("") == "; ; 1 5");
  CHECK(read("nameserver 127.0.0.53") == "127.0.0.53 ; ; 1 5");
  CHECK(read("nameserver 127.0.0.53\r\n") == "127.0.0.53 ; ; 1 5");
}

TEST_CASE("resolv_conf: the last search or domain line counts") {
  CHECK(read("search a.example b.example\ndomain c.example d.example\n") ==
        "; c.example ; 1 5");
  CHECK(read("domain c.example\nsearch a.example\n") == "; a.example ; 1 5");
  CHECK(read("search a.example\nsearch .\n") == "; ; 1 5");
}

TEST_CASE("resolv_conf: a bad word harms no other") {
  CHECK(read("nameserver\nnameserver 1.2.3\nnameserver example.org\n"
             "nameserver fe80::1%\nnameserver fe80::1%much-too-long-a-name\n"
             "nameserver 10.0.0.1,10.0.0.2\nnameserver 10.0.0.1#x\n"
             "nameservers 10.0.0.9\n;nameserver 10.0.0.8\n"
             "nameserver 10.0.0.1\n"
             "search a..b good.example \xff\xff\n"
             "options ndots:x ndots: ndots:-1 timeout:0 timeout:3x\n") ==
        "10.0.0.1 ; good.example ; 1 1");
}

TEST_CASE("resolv_conf: numbers and lists are bounded") {
  CHECK(read("options ndots:99999999999999999999 timeout:31\n") == "; ; 15 30");
  std::string many, search = "search";
  for (int i = 0; i < 100; ++i) {
    many += concat("nameserver 10.0.0.", i, '\n');
    search += concat(" x", i, ".example");
  }
  ResolvConf conf = parse_resolv_conf(many + search);
  CHECK(conf.servers.size() == ResolvConf::kMaxServers);
  CHECK(conf.search.size() == ResolvConf::kMaxSearch);
}

}  // namespace
}  // namespace ginnel::names
