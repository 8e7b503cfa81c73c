// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/strings.h"

namespace ginnel::transport {
namespace {

constexpr std::size_t kMaxOut = 256 << 10;
constexpr std::size_t kMaxErr = 4 << 10;

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "pipe");
  Pipe made;
  made.read_end.reset(ends[0]);
  made.write_end.reset(ends[1]);
  return made;
}

// After fork: only calls that are safe there. `from` may itself be 0, 1 or 2,
// so all three are first copied above them.
bool place_stdio(Child::Stdio stdio) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  std::array<int, 3> from{stdio.in, stdio.out, stdio.err};
  for (int& fd : from) {
    fd = fcntl(fd < 0 ? null : fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return false;
  }
  for (int i = 0; i < 3; ++i) {
    if (dup2(from[static_cast<std::size_t>(i)], i) < 0) return false;
  }
  return true;
}

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGINT, SIG_IGN);
}

[[noreturn]] void become(char* const* argv, char* const* environment,
                         Child::Stdio stdio, pid_t parent, int report) {
  reset_signals();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() == parent && place_stdio(stdio)) {
    execvpe(argv[0], argv, environment);
  }
  int error = errno;
  [[maybe_unused]] ssize_t told = write(report, &error, sizeof error);
  _exit(127);
}

// What exec wants; it points into `words`.
std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const std::string& word : words) {
    result.push_back(const_cast<char*>(word.c_str()));
  }
  result.push_back(nullptr);
  return result;
}

// `more` comes before ours of the same name, which are left out.
std::vector<std::string> environment_with(std::vector<std::string> more) {
  const std::size_t added = more.size();
  for (char** entry = environ; *entry; ++entry) {
    std::string_view ours(*entry);
    std::string_view name = ours.substr(0, ours.find('=') + 1);
    bool replaced = false;
    for (std::size_t i = 0; i < added; ++i) {
      replaced = replaced || more[i].starts_with(name);
    }
    if (!replaced) more.emplace_back(ours);
  }
  return more;
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& arguments,
                           Stdio stdio, const std::vector<std::string>& more) {
  auto report = make_pipe();
  if (!report) return report.error();
  std::vector<char*> argv = pointers(arguments);
  std::vector<std::string> environment = environment_with(more);
  std::vector<char*> envp = pointers(environment);

  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) return Error::from_errno(errno, "fork");
  if (pid == 0) {
    become(argv.data(), envp.data(), stdio, parent, report->write_end.get());
  }
  Child child(pid);
  report->write_end.reset();
  int error = 0;
  ssize_t got;
  do {
    got = read(report->read_end.get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof error) {
    return Error::from_errno(error, concat("cannot run ", arguments[0]));
  }
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0 || status()) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<int> Child::status() {
  int status = 0;
  if (!status_ && pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
    status_ = status;
  }
  return status_;
}

void Child::signal(int number) {
  if (pid_ > 0 && !status()) kill(pid_, number);
}

std::string describe_status(int status) {
  if (WIFSIGNALED(status)) {
    return concat("was ended by signal ", WTERMSIG(status), " (",
                  strsignal(WTERMSIG(status)), ")");
  }
  return concat("exited with status ", WEXITSTATUS(status));
}

namespace {

using Clock = std::chrono::steady_clock;

// Reads both pipes to their ends. False: too late or too much.
bool drain(Pipe& out, Pipe& err, ProgramOutput& output, Clock::time_point end) {
  std::array<pollfd, 2> polls{pollfd{out.read_end.get(), POLLIN, 0},
                              pollfd{err.read_end.get(), POLLIN, 0}};
  std::array<char, 4096> buffer;
  while (polls[0].fd >= 0 || polls[1].fd >= 0) {
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0 || output.out.size() > kMaxOut) return false;
    if (poll(polls.data(), 2, static_cast<int>(left.count())) <= 0) continue;
    for (pollfd& each : polls) {
      if (each.fd < 0 || each.revents == 0) continue;
      ssize_t got = read(each.fd, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        each.fd = -1;
        continue;
      }
      std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
      if (&each == &polls[0]) {
        output.out += piece;
      } else {
        output.err += piece.substr(0, kMaxErr - output.err.size());
      }
    }
  }
  return true;
}

}  // namespace

Result<ProgramOutput> run_program(const std::vector<std::string>& arguments,
                                  std::chrono::milliseconds limit) {
  auto end = Clock::now() + limit;
  auto out = make_pipe();
  auto err = make_pipe();
  if (!out) return out.error();
  if (!err) return err.error();
  Child::Stdio stdio;
  stdio.out = out->write_end.get();
  stdio.err = err->write_end.get();
  auto child = Child::start(arguments, stdio);
  if (!child) return child.error();
  out->write_end.reset();
  err->write_end.reset();

  ProgramOutput output;
  bool done = drain(*out, *err, output, end);
  while (done && !child->status() && Clock::now() < end) {
    poll(nullptr, 0, 1);
  }
  if (!done || !child->status()) {
    return Error(std::make_error_code(std::errc::timed_out),
                 concat(arguments[0], " did not end in time"));
  }
  output.status = *child->status();
  return output;
}

}  // namespace ginnel::transport
