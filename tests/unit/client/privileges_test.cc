// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/privileges.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace ginnel {
namespace {

namespace fs = std::filesystem;

// Runs `work` in a child, because what it does cannot be taken back; whether
// it held there.
bool holds_in_child(const std::function<bool()>& work) {
  pid_t child = ::fork();
  if (child == 0) ::_exit(work() ? 0 : 1);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status == 0;
}

Identity nobody() {
  Result<Identity> user = named_user("nobody");
  REQUIRE(user);
  return *user;
}

std::string own_status(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
  }
  return "";
}

bool can_write(const fs::path& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600))
             .get() >= 0;
}

// One of sudo's, doas's and pkexec's variables, for as long as it lives.
struct Variable {
  Variable(const char* which, const char* value) : name(which) {
    for (const char* other : {"SUDO_UID", "PKEXEC_UID", "DOAS_USER"}) {
      ::unsetenv(other);
    }
    ::setenv(name, value, 1);
  }
  ~Variable() { ::unsetenv(name); }
  const char* name;
};

TEST_CASE("privileges: these tests run as root") { REQUIRE(::geteuid() == 0); }

TEST_CASE("privileges: who called sudo, doas or pkexec") {
  Identity user = nobody();
  std::string number = std::to_string(user.uid);
  for (auto [name, value] : {std::pair("SUDO_UID", number.c_str()),
                             std::pair("PKEXEC_UID", number.c_str()),
                             std::pair("DOAS_USER", "nobody")}) {
    CAPTURE(name);
    Variable variable(name, value);
    Result<std::optional<Identity>> found = invoking_user();
    REQUIRE(found);
    REQUIRE(*found);
    CHECK((*found)->uid == user.uid);
    CHECK((*found)->gid == user.gid);
    CHECK((*found)->name == "nobody");
    CHECK((*found)->home == user.home);
  }
}

TEST_CASE("privileges: real root is nobody's deputy") {
  {
    Variable root("SUDO_UID", "0");
    Result<std::optional<Identity>> found = invoking_user();
    REQUIRE(found);
    CHECK_FALSE(*found);
  }
  Result<std::optional<Identity>> found = invoking_user();
  REQUIRE(found);
  CHECK_FALSE(*found);
}

TEST_CASE("privileges: a name or number of nobody is an error") {
  for (auto [name, value] :
       {std::pair("SUDO_UID", ""), std::pair("SUDO_UID", "12x"),
        std::pair("SUDO_UID", "-1"), std::pair("SUDO_UID", "4294967295"),
        std::pair("SUDO_UID", "4294967296"), std::pair("PKEXEC_UID", " 1"),
        std::pair("SUDO_UID", "3999999999"),
        std::pair("DOAS_USER", "no such user")}) {
    CAPTURE(name);
    CAPTURE(value);
    Variable variable(name, value);
    CHECK_FALSE(invoking_user());
  }
  CHECK(named_user("no\nuser").error().message() ==
        "there is no user called 'no\\x0auser'");
}

TEST_CASE("privileges: the drop is complete and for good") {
  Identity user = nobody();
  CHECK(holds_in_child([&] {
    gid_t extra[] = {0, 4};
    if (::setgroups(2, extra) < 0 || !drop_to(user)) return false;
    std::string id = concat(user.uid);
    std::string group = concat(user.gid);
    std::vector<gid_t> groups(64);
    int count = ::getgroups(64, groups.data());
    bool only = count == 1 && groups[0] == user.gid;
    return only &&
           own_status("Uid") == concat(id, "\t", id, "\t", id, "\t", id) &&
           own_status("Gid") ==
               concat(group, "\t", group, "\t", group, "\t", group) &&
           own_status("CapPrm") == "0000000000000000" && ::setuid(0) < 0 &&
           !can_write("/etc/passwd") && std::getenv("HOME") == user.home &&
           std::getenv("LOGNAME") == user.name;
  }));
}

TEST_CASE("privileges: who may not drop is told") {
  Identity user = nobody();
  CHECK(holds_in_child([&] {
    Identity other = user;
    other.uid = 12345;
    return drop_to(user) && !drop_to(other);
  }));
}

TEST_CASE("privileges: uid 0 locked down has no capability") {
  CHECK(holds_in_child([] {
    bool locked = lock_down({}).has_value();
    return locked && own_status("CapPrm") == "0000000000000000" &&
           own_status("CapEff") == "0000000000000000" &&
           own_status("CapBnd") == "0000000000000000" &&
           own_status("CapAmb") == "0000000000000000" &&
           own_status("NoNewPrivs") == "1" && ::setuid(12345) < 0;
  }));
}

TEST_CASE("privileges: uid 0 locked down writes where it may, and only there") {
  if (::syscall(SYS_landlock_create_ruleset, nullptr, 0,
                LANDLOCK_CREATE_RULESET_VERSION) < 1) {
    MESSAGE("this kernel has no Landlock: only that nothing else fails");
    CHECK(holds_in_child([] { return lock_down({}).has_value(); }));
    return;
  }
  char name[] = "/tmp/privileges-test-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  fs::path folder = name;
  fs::create_directory(folder / "mine");
  std::ofstream(folder / "file") << "x";
  CHECK(holds_in_child([&] {
    std::vector<std::string> writable = {folder / "mine", folder / "file",
                                         "/dev/null", "/nowhere"};
    return lock_down(writable) && can_write(folder / "mine" / "new") &&
           can_write(folder / "file") && can_write("/dev/null") &&
           !can_write(folder / "new") && ::unlink("/etc/hostname") < 0 &&
           ::truncate("/etc/passwd", 0) < 0 && !can_write("/etc/shadow") &&
           std::ifstream("/etc/shadow").good() &&
           // What it starts is bound too.
           std::system(("cp /bin/true " + folder.string() + "/copy 2>/dev/null")
                           .c_str()) != 0;
  }));
  fs::remove_all(folder);
}

// Run by the next case, in a program with SSH_AUTH_SOCK in its environment: a
// root process below one of the user's, as sudo makes them.
TEST_CASE("privileges: in a child, the agent" * doctest::skip()) {
  Identity user = nobody();
  pid_t deputy = ::fork();
  if (deputy == 0) {
    int ready[2];
    (void)!::pipe(ready);
    pid_t root = ::fork();
    if (root == 0) {
      char byte;
      (void)!::read(ready[0], &byte, 1);
      std::optional<std::string> found = agent_socket_of(user);
      const char* expected = std::getenv("EXPECTED");
      ::_exit(found.value_or("none") == expected ? 0 : 1);
    }
    ::setresuid(user.uid, user.uid, user.uid);
    (void)!::write(ready[1], "x", 1);
    int status = -1;
    ::waitpid(root, &status, 0);
    ::_exit(WEXITSTATUS(status));
  }
  int status = -1;
  REQUIRE(::waitpid(deputy, &status, 0) == deputy);
  CHECK(status == 0);
}

TEST_CASE("privileges: the agent is an ancestor's, and the user's own") {
  char name[] = "/tmp/agent-test-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  std::string path = std::string(name) + "/agent";
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof address) == 0);
  std::ofstream(std::string(name) + "/file") << "x";
  std::string program = fs::read_symlink("/proc/self/exe");
  auto finds = [&](const std::string& value, const std::string& expected) {
    return std::system(
               concat("SSH_AUTH_SOCK=", value, " EXPECTED=", expected, " ",
                      program,
                      " -ns -tc='privileges: in a child, the agent' >/dev/null")
                   .c_str()) == 0;
  };
  // It is root's: somebody else's socket.
  CHECK(finds(path, "none"));
  REQUIRE(::chown(path.c_str(), nobody().uid, nobody().gid) == 0);
  CHECK(finds(path, path));
  CHECK(finds("agent", "none"));
  CHECK(finds(std::string(name) + "/file", "none"));
  CHECK(finds("/nowhere", "none"));
  fs::remove_all(name);
}

}  // namespace
}  // namespace ginnel
