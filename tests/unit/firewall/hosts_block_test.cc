// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/hosts_block.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "firewall/hosts_edit.h"
#include "tests/unit/firewall/sandbox.h"

namespace ginnel::firewall {
namespace {

constexpr char kText[] = "127.0.0.1 localhost\n\n# a comment\n10.0.0.1 one";

std::vector<Host> hosts(int count) {
  std::vector<Host> some;
  for (int i = 0; i < count; ++i) {
    some.emplace_back(ip("10.1.2.3"), concat("host-", i, ".corp"));
  }
  return some;
}

// A hosts file in a folder of its own, on a tmpfs of 128 KiB that goes with
// the test.
class Place : public HostsPlace {
 public:
  explicit Place(const std::string& text = kText) : namespace_() {
    char name[] = "/tmp/ginnel-hosts-XXXXXX";
    folder_ = ::mkdtemp(name);
    REQUIRE(::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=128k") == 0);
    file = folder_ + "/hosts";
    notes = folder_ + "/notes";
    write(text);
    REQUIRE(::chown(file.c_str(), 0, 12345) == 0);
    REQUIRE(::chmod(file.c_str(), 0640) == 0);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    ::umount2(folder_.c_str(), MNT_DETACH);
    ::rmdir(folder_.c_str());
  }

  void write(const std::string& text) const { std::ofstream(file) << text; }
  void append(const std::string& text) const {
    std::ofstream(file, std::ios::app) << text;
  }
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(file).rdbuf();
    return all.str();
  }
  std::string about() const {
    struct stat now {};
    REQUIRE(::stat(file.c_str(), &now) == 0);
    return concat(now.st_ino, " ", now.st_mode, " ", now.st_uid, " ",
                  now.st_gid);
  }
  // Whether somebody who opens it has to wait, at this moment.
  bool is_leased() const {
    struct stat now {};
    REQUIRE(::stat(file.c_str(), &now) == 0);
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
      if (line.find(" LEASE ") != line.npos &&
          line.find(concat(":", now.st_ino, " 0 EOF")) != line.npos) {
        return true;
      }
    }
    return false;
  }
  bool has_notes() const { return ::access(notes.c_str(), F_OK) == 0; }
  const std::string& folder() const { return folder_; }

  HostsBlock block() const {
    Result<HostsBlock> made = HostsBlock::of_this_process(*this);
    REQUIRE(made);
    return *made;
  }

 private:
  NetworkNamespace namespace_;  // for its mount namespace
  std::string folder_;
};

// Runs `work` in a process of its own and returns how that ended.
int status_of(const std::function<void()>& work) {
  pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

TEST_CASE_FIXTURE(Place, "hosts block: put in, replaced, and taken out") {
  std::string before = about();
  HostsBlock ours = block();
  CHECK(is_hosts_block(ours.name()));
  CHECK(ours.set(hosts(2)));
  CHECK(text().starts_with(kText));
  CHECK(text().find("10.1.2.3 host-1.corp # ginnel\n") != std::string::npos);
  CHECK(ours.set(hosts(1)));
  CHECK(text().find("host-1") == std::string::npos);
  CHECK(ours.set(hosts(700)));
  CHECK(text().find("host-699") != std::string::npos);
  CHECK(about() == before);
  SUBCASE("by setting none") { CHECK(ours.set({})); }
  SUBCASE("by its name") { CHECK(remove_hosts_block(ours.name(), *this)); }
  CHECK(text() == kText);
  CHECK(about() == before);
  CHECK_FALSE(has_notes());
}

TEST_CASE_FIXTURE(Place, "hosts block: a bind mount over the file stays") {
  std::string other = folder() + "/bound";
  std::ofstream(other) << "under\n";
  REQUIRE(::mount(file.c_str(), other.c_str(), nullptr, MS_BIND, nullptr) == 0);
  HostsPlace bound{other, notes};
  Result<HostsBlock> ours = HostsBlock::of_this_process(bound);
  REQUIRE(ours);
  CHECK(ours->set(hosts(1)));
  CHECK(text().find("host-0") != std::string::npos);
  CHECK(ours->set({}));
  CHECK(text() == kText);
  CHECK(::umount(other.c_str()) == 0);
}

TEST_CASE_FIXTURE(Place, "hosts block: two runs, and somebody who edits") {
  write("a\n");
  HostsBlock ours = block();
  pid_t other = ::fork();
  if (other == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)HostsBlock::of_this_process(*this)->set(hosts(3)).has_value();
    ::pause();
    ::_exit(0);
  }
  REQUIRE(eventually([&] { return text().find("host-2") != text().npos; }));
  REQUIRE(ours.set(hosts(2)));
  append("10.9.9.9 mine\n");
  SUBCASE("the first run ends") {
    ::kill(other, SIGKILL);
    REQUIRE(::waitpid(other, nullptr, 0) == other);
    remove_stale_hosts_blocks(*this);
    CHECK(text().find("host-2") == std::string::npos);
    CHECK(text().find("host-1") != std::string::npos);
    CHECK(ours.set({}));
  }
  SUBCASE("the second run ends") {
    CHECK(ours.set({}));
    remove_stale_hosts_blocks(*this);
    CHECK(text().find("host-2") != std::string::npos);
    ::kill(other, SIGKILL);
    // Dead, though nobody has asked how it ended.
    siginfo_t info;
    REQUIRE(::waitid(P_PID, other, &info, WEXITED | WNOWAIT) == 0);
    remove_stale_hosts_blocks(*this);
    REQUIRE(::waitpid(other, nullptr, 0) == other);
  }
  CHECK(text() == "a\n10.9.9.9 mine\n");
}

TEST_CASE_FIXTURE(Place, "hosts block: whose run has ended is known") {
  BlockOwner ours = *parse_block_owner(block().name());
  BlockOwner dead = ours;
  dead.start -= 1;
  BlockOwner rebooted = ours;
  rebooted.boot = ours.boot == "00000000" ? "11111111" : "00000000";
  BlockOwner elsewhere = dead;
  elsewhere.pid_namespace += 1;
  std::string kept = with_block(kText, to_string(ours), hosts(1));
  kept = with_block(kept, to_string(elsewhere), hosts(1));
  std::string all = with_block(kept, to_string(dead), hosts(1));
  write(with_block(all, to_string(rebooted), hosts(1)));
  remove_stale_hosts_blocks(*this);
  CHECK(text() == kept);
}

TEST_CASE_FIXTURE(Place, "hosts block: bad names change nothing") {
  char own[256] = {};
  REQUIRE(::gethostname(own, sizeof own - 1) == 0);
  for (const std::string& name :
       {std::string("a b"), std::string("a\n10.0.0.2 b"), std::string(),
        std::string("a#b"), std::string("-a"), std::string("a."),
        std::string("10.0.0.1"), std::string("localhost"),
        std::string("LocalHost.localdomain"), std::string("x.localhost"),
        std::string("ip6-loopback"), std::string(own), std::string(300, 'a')}) {
    CAPTURE(name);
    std::vector<Host> some = hosts(1);
    some.emplace_back(ip("10.1.2.3"), name);
    Result<void> set = block().set(some);
    REQUIRE_FALSE(set);
    CHECK(set.error().message().find('\n') == std::string::npos);
  }
  CHECK_FALSE(block().set(hosts(kMaxHosts + 1)));
  CHECK(text() == kText);
}

TEST_CASE_FIXTURE(Place, "hosts block: what cannot be written says so") {
  HostsBlock ours = block();
  std::string wanted;
  SUBCASE("a read-only file system") {
    REQUIRE(::mount(nullptr, folder().c_str(), nullptr,
                    MS_REMOUNT | MS_RDONLY | MS_BIND, nullptr) == 0);
    notes = "/run/ginnel";
    wanted = "hosts cannot be opened: Read-only file system: make it writable";
  }
  SUBCASE("no file") {
    REQUIRE(::unlink(file.c_str()) == 0);
    wanted = "hosts cannot be opened: No such file";
  }
  SUBCASE("no regular file") {
    REQUIRE(::unlink(file.c_str()) == 0);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    wanted = "hosts is not a regular file";
  }
  SUBCASE("a full disk") {
    std::ofstream(folder() + "/rest") << std::string(1 << 20, 'x');
    notes = "/run/ginnel";
    wanted = "No space left on device";
  }
  Result<HostsBlock> again = HostsBlock::of_this_process(*this);
  Result<void> set = again->set(hosts(1000));
  REQUIRE_FALSE(set);
  CAPTURE(set.error().message());
  CHECK(set.error().message().find(wanted) != std::string::npos);
  struct stat now {};
  bool readable = ::stat(file.c_str(), &now) == 0 && S_ISREG(now.st_mode);
  if (readable) CHECK(text() == kText);
  // It has been promised, and there is nothing to undo.
  CHECK(remove_hosts_block(ours.name(), *this));
}

TEST_CASE_FIXTURE(Place, "hosts block: nobody can keep it from being edited") {
  UniqueFd other(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  SUBCASE("by holding the file open") {}
  SUBCASE("by locking it") { REQUIRE(::flock(other.get(), LOCK_EX) == 0); }
  auto began = std::chrono::steady_clock::now();
  CHECK(block().set(hosts(2)));
  CHECK(text().find("host-1") != std::string::npos);
  CHECK(block().set({}));
  CHECK(text() == kText);
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
}

// A limit on files' sizes kills whoever writes beyond it, in the middle of the
// edit: what was written before stays.
void kill_at(rlim_t size, const std::function<void()>& work) {
  status_of([&] {
    rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::signal(SIGXFSZ, SIG_DFL);
    rlimit limit{size, size};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    work();
  });
}

TEST_CASE_FIXTURE(Place, "hosts block: killed anywhere, it is repaired") {
  // Larger than the note about the edit, which must be whole.
  std::string old = std::string(2000, '#') + "\n10.0.0.1 last";
  int torn = 0;
  for (rlim_t size = old.size(); size < old.size() + 300; ++size) {
    write(old);
    kill_at(size, [&] {
      (void)HostsBlock::of_this_process(*this)->set(hosts(2)).has_value();
    });
    torn += text() != old ? 1 : 0;
    remove_stale_hosts_blocks(*this);
    CAPTURE(size);
    REQUIRE(text() == old);
    REQUIRE_FALSE(has_notes());
  }
  CHECK(torn > 200);
}

TEST_CASE_FIXTURE(Place, "hosts block: killed while others' lines move up") {
  std::string old = std::string(2000, '#') + "\n";
  std::string mine = "10.9.9.9 mine\n10.9.9.8 too\n" + std::string(400, '#');
  BlockOwner dead = *parse_block_owner(block().name());
  dead.start -= 1;
  std::string whole = with_block(old, to_string(dead), hosts(2)) + mine;
  int torn = 0;
  for (rlim_t size = old.size(); size < whole.size(); ++size) {
    write(whole);
    kill_at(size, [&] { remove_stale_hosts_blocks(*this); });
    std::string left = text();
    torn += left != whole && left != old + mine ? 1 : 0;
    remove_stale_hosts_blocks(*this);
    CAPTURE(size);
    REQUIRE(text() == old + mine);
    REQUIRE_FALSE(has_notes());
  }
  CHECK(torn > 400);
}

// Runs in turn with others until told to end.
pid_t start_loop(const std::function<void()>& round) {
  pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) round();
}

TEST_CASE_FIXTURE(Place, "hosts block: all write at once, and all is kept") {
  write("a\n");
  std::vector<pid_t> runs;
  // As in containers that share the hosts file, but not /run.
  for (int i = 0; i < 2; ++i) {
    HostsPlace shared{file, concat(notes, i)};
    runs.push_back(start_loop([&, shared] {
      Result<HostsBlock> ours = HostsBlock::of_this_process(shared);
      if (!ours->set(hosts(400)) || !ours->set({})) ::_exit(1);
    }));
  }
  REQUIRE(eventually([&] { return is_leased(); }));
  std::string wanted = "a\n";
  for (int line = 0; line < 300; ++line) {
    append(concat("10.9.9.9 mine-", line, "\n"));
    wanted += concat("10.9.9.9 mine-", line, "\n");
    // Whoever reads sees blocks whole: as many ends as beginnings.
    std::string now = text();
    std::size_t marks = 0;
    for (std::size_t at = 0; (at = now.find("# ginnel ", at)) != now.npos;) {
      ++marks;
      ++at;
    }
    REQUIRE(marks % 2 == 0);
    REQUIRE(now.ends_with('\n'));
  }
  for (pid_t run : runs) {
    CHECK(::waitpid(run, nullptr, WNOHANG) == 0);
    ::kill(run, SIGKILL);
    REQUIRE(::waitpid(run, nullptr, 0) == run);
  }
  remove_stale_hosts_blocks(*this);
  CHECK(text() == wanted);
  CHECK_FALSE(has_notes());
}

}  // namespace
}  // namespace ginnel::firewall
