// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>

#include <array>
#include <cerrno>
#include <utility>

#include "client/transport/transport.h"

namespace ginnel::transport {
namespace {

constexpr std::size_t kMaxLine = 1024;
constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

volatile sig_atomic_t caught = 0;

void note(int number) { caught = number; }

// Catches kSignals while it lives; a signal the program ignores stays so.
class SignalCatcher {
 public:
  SignalCatcher() {
    caught = 0;
    struct sigaction ours {};
    ours.sa_handler = note;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) {
        sigaction(kSignals[i], &ours, nullptr);
      }
    }
  }
  SignalCatcher(const SignalCatcher&) = delete;
  SignalCatcher& operator=(const SignalCatcher&) = delete;
  ~SignalCatcher() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], &before_[i], nullptr);
    }
  }

 private:
  std::array<struct sigaction, kSignals.size()> before_;
};

// Turns echo off while it lives.
class EchoOff {
 public:
  EchoOff(int fd, bool wanted) : fd_(fd) {
    if (!wanted || tcgetattr(fd, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;
  ~EchoOff() {
    if (changed_) tcsetattr(fd_, TCSAFLUSH, &before_);
  }

 private:
  int fd_;
  bool changed_ = false;
  termios before_{};
};

// One line; nothing at end of file or when a signal came.
std::optional<std::string> read_line(int fd) {
  std::string line;
  for (;;) {
    // poll() is never restarted after a handler, read() may be.
    pollfd wait{fd, POLLIN, 0};
    if (poll(&wait, 1, caught ? 0 : -1) <= 0) {
      if (caught || errno != EINTR) return std::nullopt;
      continue;
    }
    char c;
    ssize_t got = read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    if (c == '\n') return line;
    if (line.size() < kMaxLine) line += c;
  }
}

}  // namespace

std::optional<Terminal> Terminal::open() {
  UniqueFd fd(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!fd) return std::nullopt;
  return Terminal(std::move(fd));
}

void Terminal::write(std::string_view text) {
  while (!text.empty()) {
    ssize_t wrote = ::write(fd_.get(), text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

std::optional<std::string> Terminal::ask(std::string_view prompt, bool echo) {
  std::optional<std::string> answer;
  int signal_number = 0;
  {
    SignalCatcher catcher;
    EchoOff quiet(fd_.get(), !echo);
    write(prompt);
    answer = read_line(fd_.get());
    if (!echo || !answer) write("\n");
    signal_number = caught;
  }
  if (signal_number != 0) throw Interrupted(signal_number);
  return answer;
}

}  // namespace ginnel::transport
