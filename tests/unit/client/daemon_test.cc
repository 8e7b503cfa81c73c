// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/daemon.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "base/strings.h"
#include "client/landlock.h"

using namespace ginnel;

namespace {

// A folder of this test's own, removed with all in it.
class Folder {
 public:
  Folder() {
    char path[] = "/tmp/ginnel-test-XXXXXX";
    REQUIRE(::mkdtemp(path) != nullptr);
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string contents(const std::string& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

// Runs `body` in a process of its own, whose status it returns.
pid_t in_process(const std::function<int()>& body) {
  pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) _exit(body());
  return pid;
}

int status_of(pid_t pid) {
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Pipe {
  UniqueFd read_end, write_end;
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  // Up to the end, which is when every process has closed its end.
  std::string read_all() {
    write_end.reset();
    std::string text;
    char block[256];
    for (ssize_t n; (n = ::read(read_end.get(), block, sizeof block)) > 0;) {
      text.append(block, static_cast<std::size_t>(n));
    }
    return text;
  }
};

void say(int fd, const std::string& text) {
  if (::write(fd, text.data(), text.size()) < 0) _exit(70);
}

}  // namespace

TEST_CASE("daemon: the first process ends with 0 once the second is ready") {
  Pipe told, go_on;
  pid_t first = in_process([&] {
    go_on.write_end.reset();
    auto daemon = Daemonizer::start();
    if (!daemon || !daemon->ready()) return 71;
    // Only now, so that the first process cannot have waited for our end.
    char byte;
    if (::read(go_on.read_end.get(), &byte, 1) != 1) return 72;
    bool alone = ::getsid(0) == ::getpid();
    bool silent =
        std::filesystem::read_symlink("/proc/self/fd/2") == "/dev/null";
    say(told.write_end.get(), alone && silent ? "daemon" : "still attached");
    return 0;
  });
  CHECK(status_of(first) == 0);
  say(go_on.write_end.get(), "x");
  CHECK(told.read_all() == "daemon");
}

TEST_CASE("daemon: the first process ends as a second that never was ready") {
  CHECK(status_of(in_process([] {
          auto daemon = Daemonizer::start();
          return 99;
        })) == 99);
  CHECK(status_of(in_process([] {
          auto daemon = Daemonizer::start();
          ::raise(SIGKILL);
          return 0;
        })) == 128 + SIGKILL);
}

TEST_CASE("daemon: SIGTERM to the waiting process reaches the other") {
  Pipe told;
  pid_t first = in_process([&] {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    auto daemon = Daemonizer::start();
    sigprocmask(SIG_BLOCK, &term, nullptr);
    say(told.write_end.get(), "up");
    int signal = 0;
    sigwait(&term, &signal);
    return signal == SIGTERM ? 143 : 73;
  });
  char up[2];
  REQUIRE(::read(told.read_end.get(), up, sizeof up) == 2);
  ::kill(first, SIGTERM);
  CHECK(status_of(first) == 143);
}

TEST_CASE("pidfile: names us while we run and is gone after") {
  Folder folder;
  std::string path = folder.file("p");
  {
    auto file = PidFile::claim(path);
    REQUIRE(file);
    CHECK(contents(path).empty());
    REQUIRE(file->write());
    CHECK(contents(path) == concat(::getpid(), '\n'));
    // A fork that ends takes nothing away.
    CHECK(status_of(in_process([&] {
            PidFile copy = std::move(*file);
            return 0;
          })) == 0);
    CHECK(std::filesystem::exists(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

// Whether `path` goes within five seconds: inotify says when.
bool vanishes(const std::string& path) {
  UniqueFd watch(::inotify_init1(IN_CLOEXEC));
  std::string folder = std::filesystem::path(path).parent_path();
  ::inotify_add_watch(watch.get(), folder.c_str(), IN_DELETE);
  pollfd wait{watch.get(), POLLIN, 0};
  return !std::filesystem::exists(path) ||
         (::poll(&wait, 1, 5000) == 1 && !std::filesystem::exists(path));
}

TEST_CASE("pidfile: goes however its process ends") {
  Folder folder;
  std::string path = folder.file("p");
  SUBCASE("killed") {
    pid_t process = in_process([&] {
      auto file = PidFile::claim(path);
      if (!file || !file->write()) return 71;
      ::kill(::getpid(), SIGKILL);
      return 0;
    });
    CHECK(status_of(process) != 71);
  }
  SUBCASE("under Landlock, on a kernel that has it") {
    CHECK(status_of(in_process([&] {
            auto file = PidFile::claim(path);
            if (!file || !file->write()) return 71;
            return forbid_writing_outside({}) ? 0 : 72;
          })) == 0);
  }
  CHECK(vanishes(path));
}

TEST_CASE("pidfile: another's file in its place is left alone") {
  Folder folder;
  std::string path = folder.file("p");
  {
    auto file = PidFile::claim(path);
    REQUIRE(file);
    std::filesystem::remove(path);
    write_file(path, "another's");
  }
  CHECK(contents(path) == "another's");
}

TEST_CASE("pidfile: what a dead process left is taken over") {
  Folder folder;
  std::string path = folder.file("p");
  pid_t dead = in_process([] { return 0; });
  REQUIRE(status_of(dead) == 0);
  for (const std::string& left : {concat(dead, "\n"), std::string()}) {
    CAPTURE(left);
    write_file(path, left);
    CHECK(PidFile::claim(path).has_value());
  }
}

TEST_CASE("pidfile: one that is in use, or is something else, is left alone") {
  Folder folder;
  std::string path = folder.file("p");
  auto refusal = [&path] {
    auto file = PidFile::claim(path);
    return file ? "claimed" : file.error().message();
  };
  SUBCASE("another ginnel holds it") {
    auto held = PidFile::claim(path);
    REQUIRE(held);
    REQUIRE(held->write());
    CHECK(refusal() == concat("pidfile ", path,
                              ": another ginnel is running (process ",
                              ::getpid(),
                              "); end it first, or name another "
                              "file"));
    CHECK(contents(path) == concat(::getpid(), '\n'));
  }
  SUBCASE("the process it names runs") {
    write_file(path, "1\n");
    CHECK(refusal() == concat("pidfile ", path,
                              ": process 1, which it names, "
                              "is running; end it, or "
                              "remove the file"));
    CHECK(contents(path) == "1\n");
  }
  SUBCASE("other text") {
    write_file(path, "precious\n");
    CHECK(refusal() == concat("pidfile ", path,
                              ": it holds something other than a process id; "
                              "name another file"));
    CHECK(contents(path) == "precious\n");
  }
  SUBCASE("a symbolic link") {
    write_file(folder.file("target"), "");
    std::filesystem::create_symlink(folder.file("target"), path);
    CHECK(refusal().starts_with(concat("cannot open pidfile ", path)));
  }
  SUBCASE("no file at all") {
    path = folder.file("");
    CHECK(refusal() == concat("cannot open pidfile ", path,
                              "; name a file that you may write, in a folder "
                              "that exists: Is a directory"));
  }
}
