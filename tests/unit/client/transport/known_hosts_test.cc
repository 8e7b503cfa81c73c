// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/known_hosts.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace ginnel;
using namespace ginnel::transport;

namespace {

HostKey key(std::string type, std::string base64) {
  HostKey made;
  made.type = std::move(type);
  made.base64 = std::move(base64);
  return made;
}

// "known FILE:LINE" and the like, to compare whole answers.
std::string answer(const KnownHosts& known, std::string_view name,
                   const HostKey& shown) {
  auto got = known.check(name, shown);
  switch (got.verdict) {
    case HostKeyVerdict::kUnknown:
      return "unknown";
    case HostKeyVerdict::kKnown:
      return "known " + got.file + ":" + std::to_string(got.line);
    case HostKeyVerdict::kChanged:
      return "changed " + got.file + ":" + std::to_string(got.line);
    case HostKeyVerdict::kRevoked:
      return "revoked " + got.file + ":" + std::to_string(got.line);
  }
  return "";
}

const HostKey kEd = key("ssh-ed25519", "AAAAC3ed");
const HostKey kOtherEd = key("ssh-ed25519", "AAAAC3other");
const HostKey kRsa = key("ssh-rsa", "AAAAB3rsa");

struct Folder {
  std::string path = "/tmp/known_hosts_test.XXXXXX";
  Folder() { REQUIRE(mkdtemp(path.data())); }
  ~Folder() {
    for (const char* name : {"/.ssh/known_hosts", "/known_hosts"}) {
      unlink((path + name).c_str());
    }
    rmdir((path + "/.ssh").c_str());
    rmdir(path.c_str());
  }
};

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("known hosts: a server is filed under its name and unusual port") {
  CHECK(known_hosts_name("Example.ORG", 22) == "example.org");
  CHECK(known_hosts_name("example.org", 2222) == "[example.org]:2222");
  CHECK(known_hosts_name("2001:db8::1", 2222) == "[2001:db8::1]:2222");
}

TEST_CASE("known hosts: patterns match as in ssh") {
  CHECK(known_hosts_match("a.example,b.example", "b.example"));
  CHECK(known_hosts_match("*.example", "b.example"));
  CHECK(known_hosts_match("host?.example", "host1.example"));
  CHECK(known_hosts_match("HOST.example", "host.example"));
  CHECK(known_hosts_match("[host]:2222", "[host]:2222"));
  CHECK(known_hosts_match("[*]:2222", "[host]:2222"));
  CHECK_FALSE(known_hosts_match("*.example,!b.example", "b.example"));
  CHECK_FALSE(known_hosts_match("!b.example,*.example", "b.example"));
  CHECK_FALSE(known_hosts_match("host", "[host]:2222"));
  CHECK_FALSE(known_hosts_match("[h]", "h"));
  CHECK_FALSE(known_hosts_match("", "h"));
}

TEST_CASE("known hosts: a hashed name means its host alone") {
  std::string hashed =
      hashed_known_hosts_name("example.org", as_bytes("01234567890123456789"));
  CHECK(hashed.starts_with("|1|MDEyMzQ1Njc4OTAxMjM0NTY3ODk=|"));
  CHECK(known_hosts_match(hashed, "example.org"));
  CHECK_FALSE(known_hosts_match(hashed, "example.com"));
  CHECK_FALSE(known_hosts_match("|1|MDEyMz", "example.org"));
  CHECK_FALSE(known_hosts_match("|1||", "example.org"));
}

TEST_CASE("known hosts: the answer names the deciding file and line") {
  KnownHosts known;
  known.add_text("first",
                 "# a comment\n"
                 "\n"
                 "host ssh-ed25519 AAAAC3other a comment\n"
                 "host ssh-rsa AAAAB3rsa\r\n");
  known.add_text("second", "host ssh-ed25519 AAAAC3ed");
  CHECK(answer(known, "host", kEd) == "known second:1");
  CHECK(answer(known, "host", kOtherEd) == "known first:3");
  CHECK(answer(known, "host", kRsa) == "known first:4");
  CHECK(answer(known, "else", kRsa) == "unknown");
  CHECK(answer(known, "host", key("ssh-rsa", "x")) == "changed first:3");
  // A key of another type is no newcomer either: ssh refuses it, too.
  CHECK(answer(known, "host", key("ecdsa", "x")) == "changed first:3");
}

TEST_CASE("known hosts: a revoked key is refused even if it is also known") {
  KnownHosts known;
  known.add_text("f",
                 "host ssh-ed25519 AAAAC3ed\n"
                 "@revoked * ssh-ed25519 AAAAC3ed\n"
                 "@cert-authority *.org ssh-rsa AAAAB3rsa\n"
                 "@unheard-of host ssh-rsa AAAAB3rsa\n");
  CHECK(answer(known, "host", kEd) == "revoked f:2");
  CHECK(answer(known, "host", kOtherEd) == "changed f:1");
  CHECK(answer(known, "x.org", kRsa) == "unknown");
  CHECK(known.has_marker("x.org"));
  CHECK(known.key_types("host") == std::vector<std::string>{"ssh-ed25519"});
}

TEST_CASE("known hosts: lines that are cut anywhere harm nothing") {
  std::string line = "@revoked host,|1|MDEyMw==|MDEyMw== ssh-ed25519 AAAAC3ed";
  for (std::size_t cut = 0; cut < line.size() - 8; ++cut) {
    CAPTURE(cut);
    KnownHosts known;
    known.add_text("f", line.substr(0, cut));
    CHECK(answer(known, "host", kEd) == "unknown");
  }
}

TEST_CASE("known hosts: an added key is found again, hashed or not") {
  Folder folder;
  std::string path = folder.path + "/.ssh/known_hosts";
  for (bool hash : {false, true}) {
    CAPTURE(hash);
    std::string name = hash ? "[hashed]:2222" : "plain";
    REQUIRE(append_known_host(path, name, kEd, hash));
    KnownHosts known;
    known.add_file(path);
    CHECK(answer(known, name, kEd).starts_with("known "));
    CHECK((contents(path).find(name) == std::string::npos) == hash);
  }
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("known hosts: a last line without its end is not joined to") {
  Folder folder;
  std::string path = folder.path + "/known_hosts";
  std::ofstream(path) << "old ssh-rsa AAAAB3rsa";
  REQUIRE(append_known_host(path, "new", kEd, false));
  CHECK(contents(path) == "old ssh-rsa AAAAB3rsa\nnew ssh-ed25519 AAAAC3ed\n");
}

TEST_CASE("known hosts: a file that cannot be written is an error") {
  auto added = append_known_host("/proc/no/such", "h", kEd, false);
  REQUIRE(!added);
  CHECK(added.error().message().find("/proc/no/such") != std::string::npos);
}
