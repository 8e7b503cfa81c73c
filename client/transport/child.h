// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ginnel::transport {

// One child process. It ignores SIGINT, which a terminal sends to the whole
// foreground group: ssh keeps an ignored SIGINT ignored (clientloop.c), so that
// Ctrl-C reaches only us and we end it in order. It stays in our process
// group, because ssh asks for passwords on the terminal and a background group
// may not read there. It gets SIGTERM when we die.
class Child {
 public:
  // What becomes the child's standard descriptors; -1 is /dev/null.
  struct Stdio {
    int in = -1;
    int out = -1;
    int err = -1;
  };
  // Starts `arguments[0]`, looked up in PATH. A program that is not there is an
  // error here, not an exit status. `more` is put into its environment, as
  // "NAME=VALUE".
  static Result<Child> start(const std::vector<std::string>& arguments,
                             Stdio stdio,
                             const std::vector<std::string>& more = {});

  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  // Kills and reaps what still runs.
  ~Child();

  pid_t pid() const { return pid_; }
  // Reaps it if it has ended. What waitpid gave, then and ever after.
  std::optional<int> status();
  void signal(int number);

 private:
  explicit Child(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
  std::optional<int> status_;
};

// "exited with status 255", "was ended by signal 15 (Terminated)".
std::string describe_status(int status);

struct ProgramOutput {
  std::string out;  // at most 256 KiB
  std::string err;  // at most 4 KiB
  int status = 0;   // as of waitpid
};

// Runs a short program to its end and returns what it printed; blocking. An
// error when it does not start, or prints too much or takes longer than
// `limit` (it is killed).
Result<ProgramOutput> run_program(const std::vector<std::string>& arguments,
                                  std::chrono::milliseconds limit);

}  // namespace ginnel::transport
