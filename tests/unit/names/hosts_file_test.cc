// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/hosts_file.h"

#include <doctest/doctest.h>

#include <string>

namespace ginnel::names {
namespace {

std::string read(std::string_view text) {
  std::string words;
  HostsFile file(text);
  while (auto line = file.next()) {
    words += to_string(line->address) + '=';
    for (auto name : line->names) words += std::string(name) + ' ';
  }
  return words;
}

constexpr std::string_view kFile =
    "127.0.0.1\tlocalhost\n"
    "# 10.0.0.9 nobody\n"
    "10.0.0.1 Server.Example server # the old one\n"
    "\n"
    "fd00::1 server\r\n"
    "10.0.0.1 server\n"
    "10.0.0.2 other";

TEST_CASE("hosts_file: addresses and their names, line by line") {
  CHECK(read(kFile) ==
        "127.0.0.1=localhost 10.0.0.1=Server.Example server fd00::1=server "
        "10.0.0.1=server 10.0.0.2=other ");
}

TEST_CASE("hosts_file: malformed lines are skipped") {
  CHECK(read("10.0.0.1\nserver 10.0.0.1\n10.0.0.300 a\nfe80::1%eth0 b\n"
             "#10.0.0.1 c\n10.0.0.1#d e\n10.0.0.1 #f\n\n \n10.0.0.7 g#h i\n") ==
        "10.0.0.7=g ");
}

TEST_CASE("hosts_file: a crowd on a line is cut") {
  std::string line = "10.0.0.1";
  for (int i = 0; i < 100; ++i) line += " x";
  CHECK(HostsFile(line).next()->names.size() == HostsLine::kMaxNames);
}

TEST_CASE("hosts_file: the addresses of a name, letter case aside") {
  CHECK(
      addresses_in_hosts_file(kFile, "SERVER") ==
      std::vector{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("fd00::1")});
  CHECK(addresses_in_hosts_file(kFile, "server", 1).size() == 1);
  CHECK(addresses_in_hosts_file(kFile, "serve").empty());
}

}  // namespace
}  // namespace ginnel::names
