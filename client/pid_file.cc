// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/strings.h"
#include "client/daemon.h"

namespace ginnel {
namespace {

// How often the file may vanish under us while others start and end.
constexpr int kMaxTries = 10;

bool runs(pid_t pid) { return ::kill(pid, 0) == 0 || errno == EPERM; }

// Whether `path` still names the file behind `fd`; another ginnel may have
// removed it between our open() and our lock.
bool is_same_file(int fd, const std::string& path) {
  struct stat held, named;
  return ::fstat(fd, &held) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

// The process id in the file: 0 for an empty file, nothing for other text.
std::optional<pid_t> read_pid(int fd) {
  char text[32];
  ssize_t size = ::pread(fd, text, sizeof text, 0);
  if (size < 0 || size == sizeof text) return std::nullopt;
  std::string_view content(text, static_cast<std::size_t>(size));
  while (!content.empty() &&
         (content.back() == '\n' || content.back() == ' ')) {
    content.remove_suffix(1);
  }
  if (content.empty()) return 0;
  pid_t pid = 0;
  const char* last = content.data() + content.size();
  auto [end, error] = std::from_chars(content.data(), last, pid);
  if (error != std::errc() || end != last || pid <= 0) return std::nullopt;
  return pid;
}

Error cannot_open(int reason, const std::string& path) {
  return Error::from_errno(
      reason, concat("cannot open pidfile ", printable(path),
                     "; name a file that you may write, in a folder that "
                     "exists"));
}

Error refused(const std::string& path, std::string_view why) {
  return Error(concat("pidfile ", printable(path), ": ", why));
}

// Nothing to say when the file is locked by us and free to use.
Result<void> check_free(int fd, const std::string& path) {
  struct stat status;
  if (::fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
    return refused(path, "not an ordinary file; name another");
  }
  bool locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  auto pid = read_pid(fd);
  if (!pid) {
    return refused(path,
                   "it holds something other than a process id; name "
                   "another file");
  }
  if (!locked) {
    return refused(path, concat("another ginnel is running (process ", *pid,
                                "); end it first, or name another file"));
  }
  if (*pid != 0 && *pid != ::getpid() && runs(*pid)) {
    return refused(path, concat("process ", *pid,
                                ", which it names, is "
                                "running; end it, or remove the file"));
  }
  return {};
}

// A process that removes the file when this one has ended, however it ends:
// `kill -9` runs no destructor, and Landlock would have to leave the whole
// folder open for it. It holds nothing but its end of a pipe.
Result<UniqueFd> start_remover(int file, const std::string& path,
                               pid_t& process) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) {
    return Error::from_errno(errno, "make a pipe for the pidfile");
  }
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  process = ::fork();
  if (process < 0) return Error::from_errno(errno, "fork for the pidfile");
  if (process > 0) return write_end;
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    ::signal(number, SIG_IGN);
  }
  ::prctl(PR_SET_NAME, "ginnel-pidfile");
  ::dup2(read_end.get(), STDIN_FILENO);
  ::dup2(file, STDOUT_FILENO);
  ::closefrom(STDERR_FILENO);
  char byte;
  while (::read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
  }
  if (is_same_file(STDOUT_FILENO, path)) ::unlink(path.c_str());
  ::_exit(0);
}

}  // namespace

PidFile::PidFile(std::string path, UniqueFd fd)
    : path_(std::move(path)), fd_(std::move(fd)), owner_(::getpid()) {}

Result<PidFile> PidFile::claim(const std::string& path) {
  std::error_code error;
  std::string absolute = std::filesystem::absolute(path, error);
  if (error) return Error(error, concat("pidfile ", printable(path)));
  for (int tries = 0; tries < kMaxTries; ++tries) {
    // No symbolic link: with the default name, the folder may be /tmp.
    UniqueFd fd(::open(absolute.c_str(),
                       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                       0644));
    if (!fd) {
      return cannot_open(errno, path);
    }
    if (auto free = check_free(fd.get(), path); !free) return free.error();
    if (!is_same_file(fd.get(), absolute)) continue;
    PidFile file(std::move(absolute), std::move(fd));
    // What a dead process left names nobody of ours.
    if (::ftruncate(file.fd_.get(), 0) < 0) {
      return Error::from_errno(
          errno, concat("cannot write pidfile ", printable(path)));
    }
    auto remover =
        start_remover(file.fd_.get(), file.path_, file.remover_process_);
    if (!remover) return remover.error();
    file.remover_ = *std::move(remover);
    return file;
  }
  return refused(path, "others keep removing it; name another file");
}

PidFile::~PidFile() {
  if (!fd_ || ::getpid() != owner_) return;
  // Through the descriptor: Landlock judges a file when it is opened.
  [[maybe_unused]] int emptied = ::ftruncate(fd_.get(), 0);
  remover_.reset();
  ::waitpid(remover_process_, nullptr, 0);
}

Result<void> PidFile::write() {
  std::string text = concat(::getpid(), '\n');
  if (::pwrite(fd_.get(), text.data(), text.size(), 0) !=
      static_cast<ssize_t>(text.size())) {
    return Error::from_errno(errno,
                             concat("cannot write pidfile ", printable(path_)));
  }
  return {};
}

}  // namespace ginnel
