// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/options.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "base/strings.h"

using namespace ginnel;

namespace {

using Files = std::map<std::string, std::string>;

FileReader reader(Files files) {
  return [files](const std::string& path) -> Result<std::string> {
    auto at = files.find(path);
    if (at == files.end()) return Error("cannot open " + path);
    return at->second;
  };
}

// The options in a command line that is written as for a shell, as text, or
// "error: " and the sentence.
std::string parsed(const std::string& line, const Files& files = {}) {
  auto words = split_words(line, "the test");
  REQUIRE(words);
  auto options = parse_options(*words, reader(files));
  return options ? to_string(*options)
                 : "error: " + options.error().message() + "\n";
}

// The sentence, for a command line that must fail.
std::string complaint(const std::string& line, const Files& files = {}) {
  std::string text = parsed(line, files);
  REQUIRE_MESSAGE(text.starts_with("error: "), line, " gave ", text);
  return text.substr(7, text.size() - 8);
}

struct Case {
  const char* line;
  const char* expected;
};

}  // namespace

TEST_CASE("options: the commands of sshuttle's manual mean what they meant") {
  const Case cases[] = {
      {"-r example.com -x example.com:22 0/0",
       "remote example.com\ninclude 0.0.0.0/0\nexclude example.com:22\n"},
      {"-r h 1.2.3.4", "remote h\ninclude 1.2.3.4/32\n"},
      {"-r h 1.2.3.4/32", "remote h\ninclude 1.2.3.4/32\n"},
      {"-r h 1.2.3.0/24", "remote h\ninclude 1.2.3.0/24\n"},
      {"-r h ::/0", "remote h\ninclude ::/0\n"},
      {"-r h 0/0 ::/0", "remote h\ninclude 0.0.0.0/0\ninclude ::/0\n"},
      {"-r h 1.2.3.4:8000", "remote h\ninclude 1.2.3.4/32:8000\n"},
      {"-r h 1.2.3.0/24:8000-9000", "remote h\ninclude 1.2.3.0/24:8000-9000\n"},
      {"-r h [2001:db8::/32]:80-90",
       "remote h\ninclude [2001:db8::/32]:80-90\n"},
      {"-r h example.com", "remote h\ninclude example.com\n"},
      {"-r h example.com:8000", "remote h\ninclude example.com:8000\n"},
      {"-r h example.com/24", "remote h\ninclude example.com/24\n"},
      {"-r h example.com/24:8000", "remote h\ninclude example.com/24:8000\n"},
      {"-r h example.com:8000-9000",
       "remote h\ninclude example.com:8000-9000\n"},
      {"-r h 0/0 --listen 0.0.0.0:0",
       "remote h\ninclude 0.0.0.0/0\nlisten 0.0.0.0:0\n"},
      {"-r h 0/0 --listen localhost",
       "remote h\ninclude 0.0.0.0/0\nlisten localhost:0\n"},
      {"-r h 0/0 --listen 127.0.0.1:0,[::1]:0",
       "remote h\ninclude 0.0.0.0/0\nlisten 127.0.0.1:0\nlisten [::1]:0\n"},
      {"-r testuser@example.com 0/0",
       "remote testuser@example.com\ninclude 0.0.0.0/0\n"},
      {"-r testuser@example.com:2222 0/0",
       "remote testuser@example.com:2222\ninclude 0.0.0.0/0\n"},
      {"-r example.com:2244 0/0",
       "remote example.com:2244\ninclude 0.0.0.0/0\n"},
      {"-r h 0/0 -x 1.2.3.0/24",
       "remote h\ninclude 0.0.0.0/0\nexclude 1.2.3.0/24\n"},
      {"-e 'ssh -v' -r h 0/0",
       "remote h\nssh_command ssh\nssh_command -v\ninclude 0.0.0.0/0\n"},
      {"--method=nft -r h 0/0", "remote h\ninclude 0.0.0.0/0\nmethod nft\n"},
      {"-r h -s a -s b -X c",
       "remote h\ninclude_file a\ninclude_file b\n"
       "exclude_file c\n"},
      {"-r h 0/0 -D --pidfile=/run/p",
       "remote h\ninclude 0.0.0.0/0\ndaemon\nsyslog\npidfile /run/p\n"},
      {"-Dr h 0/0",
       "remote h\ninclude 0.0.0.0/0\ndaemon\nsyslog\npidfile ginnel.pid\n"},
      {"--syslog -r h 0/0 --disable-ipv6 --user www --group 33 -vvv",
       "remote h\ninclude 0.0.0.0/0\ndisable_ipv6\nuser www\ngroup 33\n"
       "verbose 3\nsyslog\n"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.line);
    CHECK(parsed(each.line) == each.expected);
  }
}

TEST_CASE("options: arguments in files, with the command line's own after") {
  const Files files = {{"/etc/sshuttle.conf",
                        "192.168.0.0/16\n--remote\nuser@example.com\n"
                        "# company-internal API\n8.8.8.8/32\n\n"
                        "  # not in the first column\n"},
                       {"nested", "@inner\n'--exclude=10.0.0.0/8'\n"},
                       {"inner", "\"-v\"\r\n  -v  \n"},
                       {"loop", "@loop\n"},
                       {"zero", std::string("a\0b", 3)},
                       {"late", "--run-as\nbob\n"}};
  Files good = files;
  good["/etc/sshuttle.conf"].resize(good["/etc/sshuttle.conf"].find("  #"));
  CHECK(parsed("@/etc/sshuttle.conf", good) ==
        "remote user@example.com\ninclude 192.168.0.0/16\n"
        "include 8.8.8.8/32\n");
  CHECK(parsed("@/etc/sshuttle.conf -vvv", good) ==
        "remote user@example.com\ninclude 192.168.0.0/16\n"
        "include 8.8.8.8/32\nverbose 3\n");
  CHECK(parsed("@/etc/sshuttle.conf -r otheruser@test.example.com", good) ==
        "remote otheruser@test.example.com\ninclude 192.168.0.0/16\n"
        "include 8.8.8.8/32\n");
  CHECK(parsed("-r h 0/0 @nested", files) ==
        "remote h\ninclude 0.0.0.0/0\nexclude 10.0.0.0/8\nverbose 2\n");

  CHECK(complaint("@/etc/sshuttle.conf", files) ==
        "subnet # not in the first column: \"# not in the first column\" is "
        "neither an address nor a host name");
  CHECK(complaint("@none -r h 0/0") == "cannot open none");
  CHECK(complaint("@") == "@ names no file; write @FILE, one argument a line");
  CHECK(complaint("@loop", files) ==
        "@loop: too many argument files name one another; does one name "
        "itself?");
  CHECK(complaint("@zero", files) ==
        "@zero: a file of arguments is text; this holds a zero byte");
  CHECK(complaint("-r h 0/0 @late", files) ==
        "--run-as stands in an @FILE, which is opened too late for it; write "
        "it on the command line");
}

TEST_CASE("options: GINNEL_ARGS come first, split as by a shell") {
  const char* argv[] = {"ginnel", "-r", "b"};
  auto words = command_line("-r a 0/0 -e 'ssh -o \"A b\"' x\\ y \"\"", 3, argv);
  REQUIRE(words);
  CHECK(*words == std::vector<std::string>{"-r", "a", "0/0", "-e",
                                           "ssh -o \"A b\"", "x y", "", "-r",
                                           "b"});
  CHECK(command_line(nullptr, 3, argv)->size() == 2);
  CHECK(command_line("", 1, argv)->empty());
  CHECK(command_line("-e 'ssh", 1, argv).error().message() ==
        "GINNEL_ARGS has a ' without its partner; close the quote");
  CHECK(command_line("a\\", 1, argv).error().message() ==
        "GINNEL_ARGS ends in a backslash that hides nothing; remove it");
}

TEST_CASE("options: ssh's own, and those that only ginnel has") {
  CHECK(parsed("-F none -i k1 -ik2 -o Port=22 -o 'User  bob' -oA=b=c -p 2222 "
               "-r u@[::1] 0/0 --transport openssh --lan eth0 --lan "
               "192.168.1.0/24 --run-as bob") ==
        "remote u@[::1]:2222\ntransport openssh\nssh_config none\n"
        "identity k1\nidentity k2\nssh_option Port=22\nssh_option User=bob\n"
        "ssh_option A=b=c\ninclude 0.0.0.0/0\nlan interface eth0\n"
        "lan 192.168.1.0/24\nrun_as bob\n");
  CHECK(parsed("-p 22 -r h:22 0/0") == "remote h:22\ninclude 0.0.0.0/0\n");
}

TEST_CASE("options: what argparse accepts is accepted") {
  const std::string plain = "remote h\ninclude 0.0.0.0/0\n";
  for (const char* line :
       {"-r h 0/0", "-rh 0/0", "-r=h 0/0", "--remote h 0/0", "--remote=h 0/0",
        "--remote-s x -r h 0/0", "--rem=h 0/0", "0/0 -r h", "-r h -- 0/0",
        "-r g 0/0 -r h"}) {
    CAPTURE(line);
    std::string text = parsed(line);
    if (std::string(line).starts_with("--rem=")) {
      CHECK(text ==
            "error: --rem is ambiguous; write --remote or "
            "--remote-shell\n");
    } else {
      CHECK(text.substr(0, plain.size()) == plain);
    }
  }
  CHECK(parsed("-vDrh 0/0 --disable --exclude-f x --pid y") ==
        "remote h\ninclude 0.0.0.0/0\nexclude_file x\ndisable_ipv6\n"
        "verbose 1\ndaemon\nsyslog\npidfile y\n");
  // A word with a blank that is no option is a value, as to argparse.
  CHECK(parsed("-r h 0/0 -e '-weird ssh'") ==
        "remote h\nssh_command -weird\nssh_command ssh\n"
        "include 0.0.0.0/0\n");
}

TEST_CASE("options: names and networks of the far end") {
  const Case cases[] = {
      {"-r h --dns -NH", "remote h\ndns\nauto_nets\nauto_hosts\n"},
      {"-NHvr h", "remote h\nauto_nets\nauto_hosts\nverbose 1\n"},
      {"-r h -N 0/0", "remote h\ninclude 0.0.0.0/0\nauto_nets\n"},
      {"-r h --auto-nets=all", "remote h\nauto_nets all\n"},
      {"-r h 0/0 -H --seed-hosts a,b.example",
       "remote h\ninclude 0.0.0.0/0\nauto_hosts\nseed_host a\n"
       "seed_host b.example\n"},
      {"-r h 0/0 --ns-hosts 10.0.0.53,2001:db8::53",
       "remote h\ninclude 0.0.0.0/0\ndns\nname_server 10.0.0.53\n"
       "name_server 2001:db8::53\n"},
      {"-r h 0/0 --dns --to-ns 10.0.0.53",
       "remote h\ninclude 0.0.0.0/0\ndns\nfar_server 10.0.0.53:53\n"},
      {"-r h 0/0 --dns --to-ns [2001:db8::53]:5353",
       "remote h\ninclude 0.0.0.0/0\ndns\n"
       "far_server [2001:db8::53]:5353\n"},
      {"-r h 0/0 --dns-domain corp.example --dns-domain ~.lab.",
       "remote h\ninclude 0.0.0.0/0\ndns\ndns_domain corp.example\n"
       "dns_domain lab\n"},
      {"-r h far:web.corp:443 far:db --dns far:*.lab:80-90",
       "remote h\ninclude far:web.corp:443\ninclude far:db\n"
       "include far:*.lab:80-90\ndns\n"},
      {"-r h far:22", "remote h\ninclude far:22\n"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.line);
    CHECK(parsed(each.line) == each.expected);
  }
}

TEST_CASE("options: help and version whatever else is said") {
  CHECK(parsed("-h") == "help\n");
  CHECK(parsed("-V") == "version\n");
  CHECK(parsed("--vers") == "version\n");
  CHECK(parsed("--dns 10/99 -vh -V") == "help\n");
  CHECK(parsed("-rx -V -h") == "version\n");
  CHECK(version().starts_with("ginnel "));
}

TEST_CASE("options: the usage names every option and fits a terminal") {
  std::string text = usage();
  for (const char* name :
       {"-r, --remote", "-x, --exclude", "-X, --exclude-from", "-s, --subnets",
        "-l, --listen", "-e, --ssh-cmd", "--lan", "-i FILE", "--run-as",
        "--python", "--dns", "--namespace-pid"}) {
    CAPTURE(name);
    CHECK(text.find(name) != std::string::npos);
  }
  while (!text.empty()) {
    std::string line = text.substr(0, text.find('\n'));
    CHECK_MESSAGE(line.size() <= 80, line);
    text.erase(0, line.size() + 1);
  }
}

TEST_CASE("options: --run-as is found in the words alone") {
  using Words = std::vector<std::string>;
  CHECK(find_run_as(Words{"-r", "h", "--run-as", "bob"}) == "bob");
  CHECK(find_run_as(Words{"--run-as=al", "-vr", "h", "--run=bob"}) == "bob");
  CHECK(find_run_as(Words{"@file", "--run-as", "bob"}) == "bob");
  CHECK(find_run_as(Words{"-r", "h"}) == std::nullopt);
  CHECK(find_run_as(Words{"--", "--run-as", "bob"}) == std::nullopt);
  CHECK(find_run_as(Words{"--run-as", "bob", "--bogus"}) == std::nullopt);
}

TEST_CASE("options: sshuttle's that mean nothing give one notice") {
  CHECK(parsed("-r h 0/0 --python /p --wrap 9 --no-latency-control "
               "--latency-buffer-size=1 --remote-shell sh --no-cmd-delimiter "
               "--no-sudo-pythonpath --python q") ==
        "remote h\ninclude 0.0.0.0/0\nwarning --python, --wrap, "
        "--no-latency-control, --latency-buffer-size, --remote-shell, "
        "--no-cmd-delimiter and --no-sudo-pythonpath mean something to "
        "sshuttle but nothing to ginnel; ignored\n");
  CHECK(parsed("-r h 0/0 --wrap=2") ==
        "remote h\ninclude 0.0.0.0/0\nwarning --wrap means something to "
        "sshuttle but nothing to ginnel; ignored\n");
}

TEST_CASE("options: warnings for a visible password and for 10/8") {
  CHECK(parsed("-r bob:a@b:c@h:22 10/8") ==
        "remote bob:***@h:22\ninclude 0.0.0.0/8\n"
        "warning every user of this machine can see the password in -r; leave "
        "it out to be asked for it, or use a key\n"
        "warning subnet 10/8 means 0.0.0.10/8, as it does to sshuttle; did "
        "you want 10.0.0.0/8?\n");
  auto options = parse_options({"-r", "bob:a@b:c@h:22", "0/0"}, reader({}));
  REQUIRE(options);
  CHECK(options->remote.user == "bob");
  CHECK(options->remote.password == "a@b:c");
}

TEST_CASE("options: each bad input gets a sentence that names it") {
  const Case cases[] = {
      {"10.0.0.0/8",
       "no far end is named; write -r USER@HOST, as in: ginnel -r user@host "
       "10.0.0.0/8"},
      {"-r h",
       "no network is named; write at least one, -s FILE or -N, as in: ginnel "
       "-r "
       "user@host 10.0.0.0/8"},
      {"-r",
       "--remote needs a value; write --remote "
       "[USER[:PASSWORD]@]HOST[:PORT]"},
      {"-r -v 0/0",
       "--remote needs a value; write --remote "
       "[USER[:PASSWORD]@]HOST[:PORT]"},
      {"-r '' 0/0",
       "--remote has an empty value; write --remote "
       "[USER[:PASSWORD]@]HOST[:PORT]"},
      {"-r h '' 0/0", "an empty subnet; write one as 10.0.0.0/8"},
      {"--bogus=1", "--bogus is not an option of ginnel; see ginnel --help"},
      {"-Z", "-Z is not an option of ginnel; see ginnel --help"},
      {"-vZ", "-Z (in -vZ) is not an option of ginnel; see ginnel --help"},
      {"--=x", "-- is not an option of ginnel; see ginnel --help"},
      {"--exc 1.2.3.4",
       "--exc is ambiguous; write --exclude or --exclude-from"},
      {"--su x",
       "--su is ambiguous; write --subnets, --sudoers-no-modify or "
       "--sudoers-user"},
      {"--daemon=yes", "--daemon takes no value; remove \"yes\""},
      {"-v=2", "--verbose takes no value; remove \"2\""},
      {"-r h 0/0 --method tproxy",
       "--method tproxy is not available in this version; write --method nft, "
       "or leave it out"},
      {"-r h 0/0 --method magic",
       "--method magic: not a method; write auto or nft"},
      {"-r h 0/0 --transport telnet",
       "--transport telnet: not a transport; write auto, libssh or openssh"},
      {"-r h 0/0 -p 0", "-p 0: not a port; write 1 to 65535"},
      {"-r h:22 0/0 -p 23",
       "-p says port 23 and -r port 22; leave one of them out"},
      {"-r h 0/0 -o Port",
       "-o Port: write an option of ssh_config as "
       "KEY=VALUE"},
      {"-r h 0/0 -o '=x'",
       "-o =x: write an option of ssh_config as "
       "KEY=VALUE"},
      {"-r h 0/0 -e \"ssh 'a\"",
       "the command of -e has a ' without its partner; close the quote"},
      {"-r h 0/0 -e ' '", "-e names no command; write one as -e 'ssh -v'"},
      {"-r h 0/0 -e ssh --transport libssh",
       "-e names an ssh command, which --transport libssh does not run; leave "
       "one of them out"},
      {"-r h 0/0 --lan a/b",
       "--lan a/b: neither an interface's name, as "
       "eth0, nor a network, as 192.168.1.0/24"},
      {"-r h 0/0 -x 1.2.3.4/33",
       "-x: subnet 1.2.3.4/33: /33 is not between /0 and /32"},
      {"-r h --auto-nets=some",
       "--auto-nets=some: write --auto-nets, or --auto-nets=all"},
      {"-r h 0/0 --ns-hosts 10.0.0.1,name",
       "--ns-hosts: \"name\" is not an address; write the name servers' "
       "addresses with commas between"},
      {"-r h 0/0 --ns-hosts 10.0.0.1,",
       "--ns-hosts: \"\" is not an address; write the name servers' "
       "addresses with commas between"},
      {"-r h 0/0 --dns --to-ns 10.0.0.1:0",
       "--to-ns 10.0.0.1:0: not a name server; write its address, or "
       "ADDRESS:PORT"},
      {"-r h 0/0 --to-ns 10.0.0.1",
       "--to-ns says where look-ups go, but none are captured; add --dns"},
      {"-r h 0/0 --dns-domain a..b",
       "--dns-domain a..b: not a domain; write one as corp.example"},
      {"-r h 0/0 --seed-hosts a",
       "--seed-hosts says where to begin looking for host names, which -H "
       "asks for; add -H"},
      {"-r h 0/0 -H --seed-hosts 'a,b c'",
       "--seed-hosts: \"b c\" is not a host name; write names with commas "
       "between"},
      {"-r h far:*.",
       "subnet far:*.: not a name for the far end to look up; write far:NAME, "
       "far:NAME:PORT or far:*.NAME"},
      {"-r h 0/0 -t 0x1",
       "--tmark is not available in this version (TPROXY "
       "comes in a later release)"},
      {"--firewall 1",
       "--firewall is not available in this version (it is a "
       "part of sshuttle; ginnel starts its own parts by "
       "itself)"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.line);
    CHECK(complaint(each.line) == each.expected);
  }
}

TEST_CASE("options: every later option is refused by name") {
  for (const char* option : {"--tmark=1", "--namespace=a", "--namespace-pid=1",
                             "--sudoers-no-modify", "--sudoers-user=a",
                             "--firewall", "--hostwatch"}) {
    std::string name = option;
    name.resize(std::min(name.find('='), name.size()));
    CHECK(complaint("-r h 0/0 " + std::string(option))
              .starts_with(name + " is not available in this version ("));
  }
}

TEST_CASE("options: counts and sizes are bounded") {
  CHECK(parse_options({std::string(kMaxArgumentSize + 1, 'a')}, reader({}))
            .error()
            .message() == concat("the argument that begins \"",
                                 std::string(40, 'a'),
                                 "...\" is longer than 4096 bytes"));
  std::vector<std::string> many(kMaxArguments + 1, "1.2.3.4");
  CHECK(parse_options(many, reader({})).error().message() ==
        "there are more than 100000 arguments; put subnets into a file for "
        "-s");
}
