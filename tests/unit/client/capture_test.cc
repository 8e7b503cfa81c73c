// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/capture.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace ginnel;

namespace {

// A machine with a few files, names, users and one interface.
struct Machine {
  std::map<std::string, std::string> files;
  std::map<std::string, std::vector<std::string>> names = {
      {"v4.example", {"192.0.2.1", "192.0.2.9"}},
      {"v6.example", {"2001:db8::1"}},
      {"both.example", {"192.0.2.1", "2001:db8::1"}},
  };

  Lookups lookups() const {
    Lookups result;
    result.read_file = [this](const auto& path) -> Result<std::string> {
      auto at = files.find(path);
      if (at == files.end()) return Error("cannot open " + path);
      return at->second;
    };
    result.resolve =
        [this](const auto& name) -> Result<std::vector<IpAddress>> {
      auto at = names.find(name);
      if (at == names.end()) return Error("cannot look up " + name);
      std::vector<IpAddress> addresses;
      for (const auto& text : at->second) {
        addresses.push_back(*IpAddress::parse(text));
      }
      return addresses;
    };
    auto id = [](const std::string& name) -> std::optional<uid_t> {
      return name == "bob" ? std::optional<uid_t>(1000) : std::nullopt;
    };
    result.find_user = id;
    result.find_group = id;
    result.interface_exists = [](const auto& name) { return name == "eth0"; };
    result.is_local = [](const IpAddress& address) {
      return address != *IpAddress::parse("192.0.2.77") &&
             address != *IpAddress::parse("2001:db8::77");
    };
    return result;
  }

  // What "-r h" and `line` capture.
  std::string captures(const std::string& line) const {
    auto words = split_words("-r h " + line, "the test");
    REQUIRE(words);
    auto options = parse_options(*words, lookups().read_file);
    REQUIRE_MESSAGE(options, options.error().message());
    auto capture = load_capture(*options, lookups());
    return capture ? to_string(*capture)
                   : "error: " + capture.error().message();
  }
};

}  // namespace

TEST_CASE("capture: a name becomes all of its addresses") {
  Machine machine;
  CHECK(machine.captures("both.example:443 -x v4.example/24") ==
        "rule 192.0.2.1/32:443\nrule [2001:db8::1/128]:443\n"
        "rule -192.0.2.0/24\nrule -192.0.2.0/24\n"
        "listen 127.0.0.1:0\nlisten [::1]:0\n"
        "warning subnet v4.example/24: the name has several addresses; /24 is "
        "put to each\n");
  CHECK(machine.captures("both.example/24") ==
        "error: subnet both.example/24: the name has IPv4 and IPv6 addresses, "
        "which one /24 cannot fit; name the networks instead");
  CHECK(machine.captures("v4.example/64") ==
        "error: subnet v4.example/64: /64 is too long for its address "
        "192.0.2.1");
  CHECK(machine.captures("nowhere.example:80") ==
        "error: subnet nowhere.example:80: cannot look up nowhere.example");
  CHECK(machine.captures("0/0 -x nowhere.example") ==
        "error: subnet nowhere.example: cannot look up nowhere.example");
}

TEST_CASE("capture: files of subnets, and their errors by line") {
  Machine machine;
  machine.files = {
      {"in", "# ours\n\n10.0.0.0/8\r\n   \t 192.168.0.0/16:80  \n"},
      {"out", "10.1.0.0/16"},
      {"bad", "10.0.0.0/8\n\n10.0.0.0/40\n"},
      {"unknown", "nowhere.example\n"},
      {"odd", "10/8\n"},
      {"empty", "# nothing\n"}};
  CHECK(machine.captures("-s in -X out") ==
        "rule 10.0.0.0/8\nrule 192.168.0.0/16:80\nrule -10.1.0.0/16\n"
        "listen 127.0.0.1:0\n");
  CHECK(machine.captures("-s bad") ==
        "error: bad:3: subnet 10.0.0.0/40: /40 is not between /0 and /32");
  CHECK(machine.captures("0/0 -X bad") ==
        "error: bad:3: subnet 10.0.0.0/40: /40 is not between /0 and /32");
  CHECK(machine.captures("-s unknown") ==
        "error: unknown:1: subnet nowhere.example: cannot look up "
        "nowhere.example");
  CHECK(machine.captures("-s none") == "error: -s: cannot open none");
  CHECK(machine.captures("0/0 -X none") == "error: -X: cannot open none");
  CHECK(machine.captures("-s empty -x 10.0.0.0/8") ==
        "error: no network is left to capture: -s empty names none; write "
        "subnets into it, one a line, as 10.0.0.0/8");
  CHECK(machine.captures("--disable-ipv6 -s empty -x ::1") ==
        "error: no network is left to capture: -s empty names none; write "
        "subnets into it, one a line, as 10.0.0.0/8");
  CHECK(machine.captures("-s odd") ==
        "rule 0.0.0.0/8\nlisten 127.0.0.1:0\nwarning odd:1: subnet 10/8 means "
        "0.0.0.10/8, as it does to sshuttle; did you want 10.0.0.0/8?\n");
}

TEST_CASE("capture: --disable-ipv6 leaves IPv6 out, and says so") {
  Machine machine;
  CHECK(machine.captures("--disable-ipv6 0/0 ::/0 -x ::1 both.example") ==
        "rule 0.0.0.0/0\nrule 192.0.2.1/32\nlisten 127.0.0.1:0\n"
        "warning IPv6 subnets are not captured, because of --disable-ipv6 (2 "
        "left out)\n");
  CHECK(machine.captures("--disable-ipv6 fd80::/64 ::/0") ==
        "error: no network is left to capture: --disable-ipv6 leaves out "
        "fd80::/64; name an IPv4 network, or leave --disable-ipv6 out");
  CHECK(machine.captures("--disable-ipv6 v6.example") ==
        "error: subnet v6.example: the name has no address that can be used");
  CHECK(machine.captures("--disable-ipv6 0/0 -l [::]") ==
        "error: -l [::]:0 is IPv6, which --disable-ipv6 turns off; leave one "
        "of them out");
}

TEST_CASE("capture: a listener for each family that is captured") {
  Machine machine;
  CHECK(machine.captures("0/0 -l 0.0.0.0") ==
        "rule 0.0.0.0/0\nlisten 0.0.0.0:0\n");
  CHECK(machine.captures("0/0 ::/0 -l 0.0.0.0") ==
        "rule 0.0.0.0/0\nrule ::/0\nlisten 0.0.0.0:0\nlisten [::1]:0\n");
  CHECK(machine.captures("0/0 -l 10.0.0.1 -l [::]:2000,v4.example:3000") ==
        "rule 0.0.0.0/0\nlisten 10.0.0.1:0\nlisten [::]:2000\n"
        "listen 192.0.2.1:3000\n");
  CHECK(machine.captures("0/0 -l nowhere.example") ==
        "error: -l nowhere.example:0: cannot look up nowhere.example");
  CHECK(machine.captures("0/0 -l 192.0.2.77:2000") ==
        "error: -l 192.0.2.77:2000: 192.0.2.77 is not an address of this "
        "machine; write one that is, or 0.0.0.0 for all of them");
  CHECK(machine.captures("0/0 -l [2001:db8::77]") ==
        "error: -l [2001:db8::77]:0: 2001:db8::77 is not an address of this "
        "machine; write one that is, or [::] for all of them");
}

TEST_CASE("capture: users and groups") {
  Machine machine;
  CHECK(machine.captures("0/0 --user bob --group 33") ==
        "rule 0.0.0.0/0\nlisten 127.0.0.1:0\nuid 1000\ngid 33\n");
  CHECK(machine.captures("0/0 --user eve") ==
        "error: --user eve: this machine has no such user; check the name, or "
        "write the user's number");
  CHECK(machine.captures("0/0 --group 4294967295") ==
        "error: --group 4294967295: this machine has no such group; check the "
        "name, or write the group's number");
}

TEST_CASE("capture: --lan with a listener that takes what is forwarded") {
  Machine machine;
  const std::string all = "rule 0.0.0.0/0\nlisten 0.0.0.0:0\n";
  CHECK(machine.captures("0/0 -l 0.0.0.0 --lan eth0") == all);
  CHECK(machine.captures("0/0 -l 0.0.0.0 --lan 10.0.0.0/8") == all);
  CHECK(machine.captures("0/0 -l v4.example --lan eth0") ==
        "rule 0.0.0.0/0\nlisten 192.0.2.1:0\n");
  // It may come up later.
  CHECK(machine.captures("0/0 -l 0.0.0.0 --lan eth9") ==
        all + "warning --lan eth9: there is no such interface yet\n");
}

TEST_CASE("capture: --lan without such a listener is refused") {
  Machine machine;
  auto refusal = [](const std::string& lan, const std::string& listen) {
    return "error: --lan " + lan +
           " is about connections forwarded for others, which no listener "
           "takes; it needs " +
           listen;
  };
  const std::string either = "-l 0.0.0.0 or -l [::]";
  CHECK(machine.captures("0/0 --lan eth0") == refusal("eth0", either));
  CHECK(machine.captures("0/0 ::/0 -l 127.0.0.1,[::1] --lan eth9") ==
        refusal("eth9", either));
  CHECK(machine.captures("0/0 -l [::] --lan 10.0.0.0/8") ==
        refusal("10.0.0.0/8", "-l 0.0.0.0"));
  CHECK(machine.captures("0/0 -l 0.0.0.0 --lan eth0 --lan fd80::/64") ==
        refusal("fd80::/64", "-l [::]"));
}

TEST_CASE("capture: the machine's own files, names and users") {
  Lookups lookups = system_lookups();
  CHECK(lookups.read_file("/proc/self/comm").has_value());
  CHECK(lookups.read_file("/no/such/file").error().message() ==
        "cannot open /no/such/file: No such file or directory");
  CHECK(lookups.read_file("/").error().message() ==
        "cannot read /: Is a directory");
  CHECK(lookups.read_file("/dev/zero").error().message() ==
        "/dev/zero is longer than 4 MiB; is it the right file?");
  auto addresses = lookups.resolve("localhost");
  REQUIRE(addresses);
  CHECK(addresses->front().is_loopback());
  CHECK(lookups.find_user("root") == uid_t{0});
  CHECK(lookups.find_user("no-such-user") == std::nullopt);
  CHECK(lookups.find_group("root") == gid_t{0});
  CHECK(lookups.interface_exists("lo"));
  CHECK_FALSE(lookups.interface_exists("nosuch0"));
  CHECK(lookups.is_local(IpAddress::any(Family::kIpv4)));
  CHECK(lookups.is_local(IpAddress::loopback(Family::kIpv4)));
  CHECK_FALSE(lookups.is_local(*IpAddress::parse("192.0.2.77")));
}
