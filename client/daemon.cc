// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace ginnel {
namespace {

pid_t daemon_process = 0;

void pass_on(int signal) { ::kill(daemon_process, signal); }

// Waits in the first process for what the second says, and exits with it.
[[noreturn]] void await_daemon(int ready_fd) {
  struct sigaction forward {};
  forward.sa_handler = pass_on;
  sigaction(SIGTERM, &forward, nullptr);
  sigaction(SIGHUP, &forward, nullptr);
  // The terminal sends these to both; the second decides.
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);

  char byte;
  ssize_t count;
  do {
    count = ::read(ready_fd, &byte, 1);
  } while (count < 0 && errno == EINTR);
  if (count == 1) _exit(0);

  int status = 0;
  pid_t ended;
  do {
    ended = ::waitpid(daemon_process, &status, 0);
  } while (ended < 0 && errno == EINTR);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

}  // namespace

Result<Daemonizer> Daemonizer::start() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) {
    return Error::from_errno(errno, "cannot make a pipe for -D");
  }
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  // No signal may come before the first process can pass it on.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  daemon_process = ::fork();
  if (daemon_process > 0) {
    write_end.reset();
    await_daemon(read_end.get());
  }
  int fork_errno = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (daemon_process < 0) {
    return Error::from_errno(fork_errno, "cannot fork for -D");
  }
  return Daemonizer(std::move(write_end));
}

Result<void> Daemonizer::ready() {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return Error::from_errno(errno, "cannot open /dev/null");
  // A fork leads no process group, so this cannot fail.
  ::setsid();
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(null.get(), fd) < 0) {
      return Error::from_errno(errno, "cannot leave the terminal");
    }
  }
  // When stdio was closed, open() gave one of the three, which is to stay.
  if (null.get() <= STDERR_FILENO) {
    ::fcntl(null.get(), F_SETFD, 0);
    (void)null.release();
  }
  char byte = 1;
  // Should the first process be gone, nobody needs to be told.
  struct sigaction ignore {
  }, before;
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  [[maybe_unused]] ssize_t told = ::write(waiting_.get(), &byte, 1);
  sigaction(SIGPIPE, &before, nullptr);
  waiting_.reset();
  return {};
}

}  // namespace ginnel
