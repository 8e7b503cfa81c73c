// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/subnet_spec.h"

#include <doctest/doctest.h>

#include <string>

#include "client/listen_spec.h"
#include "client/remote_spec.h"

using namespace ginnel;

namespace {

template <typename T>
std::string text_of(const Result<T>& result) {
  return result ? to_string(*result) : "error: " + result.error().message();
}

std::string listeners(const char* text) {
  auto specs = parse_listen(text);
  if (!specs) return "error: " + specs.error().message();
  std::string result;
  for (const ListenSpec& spec : *specs) result += to_string(spec) + " ";
  return result;
}

struct Case {
  const char* input;
  const char* expected;
};

}  // namespace

TEST_CASE("subnet: every form that sshuttle reads") {
  const Case cases[] = {
      {"192.0.2.1", "192.0.2.1/32"},
      {"10.1.2.3/8:443", "10.0.0.0/8:443"},
      {"0/0", "0.0.0.0/0"},
      {"0", "0.0.0.0/32"},
      {"10/8", "0.0.0.0/8"},
      {"10.1/16", "10.0.0.0/16"},
      {"192.168/16", "192.0.0.0/16"},
      {"0x7f.1", "127.0.0.1/32"},
      {"010.0.0.1", "8.0.0.1/32"},
      {"1.2.3.4:1-65535", "1.2.3.4/32:1-65535"},
      {"10.0.0.0/8:0", "10.0.0.0/8"},
      {"[2001:db8::/32]:0", "2001:db8::/32"},
      {"web:0", "web"},
      {"2001:db8::1", "2001:db8::1/128"},
      {"2001:db8::1:443", "2001:db8::1:443/128"},
      {"2001:db8::/32:443", "[2001:db8::/32]:443"},
      {"2001:db8::1:80-90", "[2001:db8::1/128]:80-90"},
      {":::80-90", "[::/128]:80-90"},
      {"[2001:db8::1]", "2001:db8::1/128"},
      {"[2001:db8::1]:80", "[2001:db8::1/128]:80"},
      {"[2001:db8::/32]:80-90", "[2001:db8::/32]:80-90"},
      {"[2001:db8::]/32:80", "[2001:db8::/32]:80"},
      {"web_1.example.com.", "web_1.example.com."},
      {"web/24:80-90", "web/24:80-90"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.input);
    CHECK(text_of(parse_subnet(each.input)) == each.expected);
  }
}

TEST_CASE("subnet: what is hardly meant is advised upon") {
  auto advice = [](const char* text) { return parse_subnet(text)->advice; };
  CHECK(advice("10/8") ==
        "subnet 10/8 means 0.0.0.10/8, as it does to "
        "sshuttle; did you want 10.0.0.0/8?");
  CHECK(advice("192.168/16") ==
        "subnet 192.168/16 means 192.0.0.168/16, as it does to sshuttle; did "
        "you want 192.168.0.0/16?");
  CHECK(advice("010.0.0.1") == "subnet 010.0.0.1 is read as 8.0.0.1");
  CHECK(advice("0") ==
        "subnet 0 is the one address 0.0.0.0; for every "
        "address write 0/0");
  CHECK(advice("::") ==
        "subnet :: is the one address ::; for every address "
        "write ::/0");
  for (const char* plain : {"0/0", "10.0.0.0/8", "::/0", "1.2.3.4", "h/8"}) {
    CAPTURE(plain);
    CHECK(advice(plain) == "");
  }
}

TEST_CASE("subnet: each bad one gets a sentence that names it") {
  const std::string port =
      " is not a port; write 1 to 65535, or leave the port out to mean all";
  const std::pair<const char*, std::string> cases[] = {
      {"", "an empty subnet; write one as 10.0.0.0/8"},
      {"10.0.0.0/33", "subnet 10.0.0.0/33: /33 is not between /0 and /32"},
      {"::/129", "subnet ::/129: /129 is not between /0 and /128"},
      {"1.2.3.4/99999999999",
       "subnet 1.2.3.4/99999999999: /99999999999 is not between /0 and /32"},
      {"1.2.3.4/",
       "subnet 1.2.3.4/: \"/\" is not a number of bits; write it "
       "as in /24"},
      {"1.2.3.4/-1",
       "subnet 1.2.3.4/-1: \"/-1\" is not a number of bits; "
       "write it as in /24"},
      {"1.2.3.0/255.255.255.0",
       "subnet 1.2.3.0/255.255.255.0: \"/255.255.255.0\" is not a number of "
       "bits; write it as in /24"},
      {"1.2.3.4:0-80", "subnet 1.2.3.4:0-80: \"0\"" + port},
      {"1.2.3.4:70000", "subnet 1.2.3.4:70000: \"70000\"" + port},
      {"1.2.3.4:", "subnet 1.2.3.4:: \"\"" + port},
      {"1.2.3.4:80-", "subnet 1.2.3.4:80-: \"\"" + port},
      {"1.2.3.4:80-x", "subnet 1.2.3.4:80-x: \"x\"" + port},
      {"1.2.3.4:10-5",
       "subnet 1.2.3.4:10-5: the ports 10-5 run backwards; write 5-10"},
      {"300.1.2.3",
       "subnet 300.1.2.3: \"300.1.2.3\" is neither an address "
       "nor a host name"},
      {"*.example.com",
       "subnet *.example.com: \"*.example.com\" is neither "
       "an address nor a host name"},
      {"a..b", "subnet a..b: \"a..b\" is neither an address nor a host name"},
      {"1.2.3.4 5",
       "subnet 1.2.3.4 5: \"1.2.3.4 5\" is neither an address "
       "nor a host name"},
      {"2001:db8::g",
       "subnet 2001:db8::g: \"2001:db8::g\" is neither an "
       "address nor a host name"},
      {"[::1", "subnet [::1: a [ without its ]; write [ADDRESS/LENGTH]:PORT"},
      {"[::1]x",
       "subnet [::1]x: not an IPv6 network; write "
       "[ADDRESS/LENGTH]:PORT"},
      {"::ffff:1.2.3.4",
       "subnet ::ffff:1.2.3.4: this is IPv4 inside IPv6; write 1.2.3.4"},
      {"h\x1b[2J",
       "subnet h\\x1b[2J: \"h\\x1b[2J\" is neither an address "
       "nor a host name"},
  };
  for (const auto& [input, expected] : cases) {
    CAPTURE(input);
    CHECK(text_of(parse_subnet(input)) == "error: " + expected);
  }
}

TEST_CASE("remote: user, password, host and port") {
  const Case cases[] = {
      {"h", "h"},
      {"u@h:22", "u@h:22"},
      {"u@dom.example@h", "u@dom.example@h"},
      {"u:p:q@h", "u:***@h"},
      {"u:@h", "u@h"},
      {"[::1]", "[::1]"},
      {"u@[2001:db8::1]:2222", "u@[2001:db8::1]:2222"},
      {"2001:db8::1", "[2001:db8::1]"},
      {"[fe80::1%eth0]:22", "[fe80::1%eth0]:22"},
      {"h:0",
       "error: -r h:0: \":0\" is not a port; write :22, or any from :1 "
       "to :65535"},
      {"h:70000",
       "error: -r h:70000: \":70000\" is not a port; write :22, or "
       "any from :1 to :65535"},
      {"ssh://far@h:22",
       "error: -r ssh://...: this is a URL; write [USER@]HOST[:PORT]"},
      {"ssh://h",
       "error: -r ssh://...: this is a URL; write [USER@]HOST[:PORT]"},
      {"u:p://q@h", "u:***@h"},
      {"u@", "error: -r : names no host; write USER@HOST"},
      {"a:b:c",
       "error: -r a:b:c: is no IPv6 address and has more than one "
       "colon; write HOST:PORT or [ADDRESS]:PORT"},
      {"[::1", "error: -r [::1: has a [ without its ]; write [ADDRESS]:PORT"},
      {"[h]:22",
       "error: -r [h]:22: has no IPv6 address in its brackets: "
       "\"h\""},
      {"-oProxyCommand=x",
       "error: -r -oProxyCommand=x: \"-oProxyCommand=x\" "
       "cannot be a host"},
      {"h$(x)", "error: -r h$(x): \"h$(x)\" cannot be a host"},
      {"u`x`:secret@h", "error: -r ...@h: \"u`x`\" cannot be a user's name"},
      {"-l:secret@h", "error: -r ...@h: \"-l\" cannot be a user's name"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.input);
    CHECK(text_of(parse_remote(each.input)) == each.expected);
  }
  CHECK(parse_remote("u:p:q@h")->password == "p:q");
  CHECK(parse_remote("u:p@q@h")->password == "p@q");
}

TEST_CASE("listen: addresses, ports, names and lists of them") {
  const Case cases[] = {
      {"0.0.0.0", "0.0.0.0:0 "},
      {"[::]", "[::]:0 "},
      {"12300", "0.0.0.0:12300 "},
      {"0", "0.0.0.0:0 "},
      {"127.0.0.1:0,[::1]:12300", "127.0.0.1:0 [::1]:12300 "},
      {"localhost:2000", "localhost:2000 "},
      {"::1",
       "error: -l ::1: put an IPv6 address in brackets, as in "
       "[::1]:12300"},
      {"1.2.3.4:80",
       "error: -l 1.2.3.4:80: \"80\" is not a port to listen "
       "on; write 1024 to 65535, or 0 for any that is free"},
      {"70000",
       "error: -l 70000: \"70000\" is not a port to listen on; write "
       "1024 to 65535, or 0 for any that is free"},
      {"1.2.3.4:+1",
       "error: -l 1.2.3.4:+1: \"+1\" is not a port to listen "
       "on; write 1024 to 65535, or 0 for any that is free"},
      {"[1.2.3.4]",
       "error: -l [1.2.3.4]: \"1.2.3.4\" is not an address of "
       "this machine; write IP:PORT or [IPV6]:PORT"},
      {"[::1]80", "error: -l [::1]80: only :PORT may follow the ]"},
      {"1.2.3.4,",
       "error: -l : \"\" is not an address of this machine; write "
       "IP:PORT or [IPV6]:PORT"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.input);
    CHECK(listeners(each.input) == each.expected);
  }
  std::string many = "1.1.1.1";
  for (int i = 0; i < 16; ++i) many += ",1.1.1.1";
  CHECK(listeners(many.c_str()) ==
        "error: -l names more than 16 addresses; 0.0.0.0 and [::] stand for "
        "all");
}
