// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/ssh_config.h"

#include <doctest/doctest.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "client/transport/algorithms.h"
#include "client/transport/choose.h"

using namespace ginnel::transport;

namespace {

using Strings = std::vector<std::string>;

// What a stock Debian client prints, cut to what matters here.
constexpr const char* kStock =
    "host alias\n"
    "user me\n"
    "hostname server.example\n"
    "port 2222\n"
    "addressfamily any\n"
    "gssapiauthentication yes\n"
    "gssapidelegatecredentials no\n"
    "hostbasedauthentication no\n"
    "verifyhostkeydns false\n"
    "nohostauthenticationforlocalhost no\n"
    "permitlocalcommand no\n"
    "controlmaster auto\n"
    "controlpath /tmp/%C\n"
    "securitykeyprovider internal\n"
    "certificatefile none\n"
    "proxycommand none\n"
    "identityfile ~/.ssh/id_rsa\n"
    "identityfile /keys/%r@%h:%p\n"
    "userknownhostsfile /home/me/.ssh/known_hosts /home/me/.ssh/known_hosts2\n"
    "globalknownhostsfile /etc/ssh/ssh_known_hosts\n"
    "connecttimeout none\n";

SshConfig stock() {
  auto config = SshConfig::parse(kStock);
  REQUIRE(config);
  return *config;
}

std::string chosen(const std::string& key, const std::string& value) {
  SshConfig config = stock();
  config.set(key, value);
  Choice choice = choose(config, Circumstances());
  return choice.kind == Kind::kLibssh ? "libssh" : "openssh: " + choice.reason;
}

}  // namespace

TEST_CASE("ssh config: the output of ssh -G is read") {
  SshConfig config = stock();
  CHECK(config.hostname() == "server.example");
  CHECK(config.user() == "me");
  CHECK(config.port() == 2222);
  CHECK(!config.connect_timeout());
  CHECK(config.known_hosts_files() == Strings{"/home/me/.ssh/known_hosts",
                                              "/home/me/.ssh/known_hosts2",
                                              "/etc/ssh/ssh_known_hosts"});
  CHECK(config.known_hosts_name() == "[server.example]:2222");
  config.set("hostkeyalias", "Name");
  CHECK(config.known_hosts_name() == "name");
  config.set("connecttimeout", "7");
  CHECK(config.connect_timeout() == std::chrono::seconds(7));
}

TEST_CASE("ssh config: paths are expanded as ssh does") {
  SshConfig config = stock();
  std::string home = getpwuid(getuid())->pw_dir;
  CHECK(config.identity_files() ==
        Strings{home + "/.ssh/id_rsa", "/keys/me@server.example:2222"});
  CHECK(config.expand("%d/x%%y%n%i") ==
        home + "/x%yalias" + std::to_string(getuid()));
  CHECK(config.expand("~") == home);
  CHECK(config.expand("~root/k") == "/root/k");
  setenv("GINNEL_TEST_DIR", "/somewhere", 1);
  CHECK(config.expand("${GINNEL_TEST_DIR}/k") == "/somewhere/k");
  CHECK(config.expand("${GINNEL_TEST_NONE}/k%") == "/k%");
}

TEST_CASE("ssh config: what is no configuration is refused") {
  CHECK(!SshConfig::parse(""));
  CHECK(!SshConfig::parse("hostname h\nport 0\n"));
  CHECK(!SshConfig::parse("hostname h\nport 65536\n"));
  CHECK(!SshConfig::parse("port 22\n"));
  std::string many = "hostname h\nport 22\n";
  for (int i = 0; i < 5000; ++i) many += "k v\n";
  CHECK(!SshConfig::parse(many));
}

TEST_CASE("ssh config: the real ssh program is asked") {
  SshOptions options;
  options.host = "alias";
  options.config_file = "/dev/null";
  options.settings = {"HostName=elsewhere.example", "ConnectTimeout=3"};
  options.port = 1234;
  options.user = "someone";
  auto config = resolve_ssh_config(options);
  REQUIRE(config);
  CHECK(config->hostname() == "elsewhere.example");
  CHECK(config->port() == 1234);
  CHECK(config->user() == "someone");
  CHECK(config->value("host") == "alias");
}

TEST_CASE("ssh config: ssh's complaint is in the error") {
  SshOptions options;
  options.host = "alias";
  options.settings = {"NoSuchKey=1"};
  auto config = resolve_ssh_config(options);
  REQUIRE(!config);
  CHECK(config.error().message().find("nosuchkey") != std::string::npos);
}

TEST_CASE("choose: a stock configuration takes libssh") {
  CHECK(chosen("gssapiauthentication", "yes") == "libssh");
  CHECK(chosen("proxyjump", "none") == "libssh");
  CHECK(chosen("hostbasedauthentication", "false") == "libssh");
}

TEST_CASE("choose: each decisive value takes openssh and says why") {
  const std::pair<const char*, const char*> rows[] = {
      {"certificatefile", "/c"},
      {"pkcs11provider", "/lib/p.so"},
      {"securitykeyprovider", "/lib/sk.so"},
      {"proxycommand", "nc %h %p"},
      {"proxyjump", "jump"},
      {"hostbasedauthentication", "yes"},
      {"gssapidelegatecredentials", "yes"},
      {"knownhostscommand", "/bin/k"},
      {"verifyhostkeydns", "ask"},
      {"permitlocalcommand", "yes"},
      {"bindinterface", "eth0"},
      {"bindaddress", "192.0.2.1"},
  };
  for (auto [key, value] : rows) {
    CAPTURE(key);
    CHECK(chosen(key, value).ends_with(" is set"));
  }
}

TEST_CASE("choose: circumstances decide too") {
  Circumstances with_command, with_marker, with_key, with_password;
  with_command.own_command = true;
  with_marker.known_hosts_marker = true;
  with_key.unheld_security_key = true;
  with_password.has_password = true;
  CHECK(choose(stock(), with_command).kind == Kind::kOpenssh);
  CHECK(choose(stock(), with_marker).kind == Kind::kOpenssh);
  CHECK(choose(stock(), with_key).kind == Kind::kOpenssh);
  CHECK(choose(stock(), with_password).kind == Kind::kLibssh);
}

TEST_CASE("algorithms: those of the host keys on file come first") {
  CHECK(preferred_host_key_algorithms("a,ssh-ed25519,rsa-sha2-512,b",
                                      {"ssh-rsa"}) ==
        "rsa-sha2-512,a,ssh-ed25519,b");
  CHECK(preferred_host_key_algorithms("a,b", {"c"}) == "a,b");
  CHECK(preferred_host_key_algorithms("", {"c"}).empty());
}

TEST_CASE("algorithms: the fastest cipher comes first, the rest in order") {
  constexpr std::string_view kList =
      "aes128-ctr,chacha20-poly1305@x,aes128-gcm@x,aes256-gcm@x";
  CHECK(preferred_ciphers(kList, true) ==
        "aes128-gcm@x,aes256-gcm@x,aes128-ctr,chacha20-poly1305@x");
  CHECK(preferred_ciphers(kList, false) ==
        "chacha20-poly1305@x,aes128-ctr,aes128-gcm@x,aes256-gcm@x");
  CHECK(preferred_ciphers("aes128-ctr", false) == "aes128-ctr");
}
