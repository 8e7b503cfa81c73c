// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ginnel {

// -D: the shell gets its prompt back when the tunnel works, and not before.
//
// start() forks. The first process waits, and exits as the second tells it: 0
// once that is ready, its status if it ends before. The second keeps the
// terminal until then, for questions (a new host key, a passphrase) and for
// error messages. An interrupt from the terminal reaches both, and a SIGTERM or
// SIGHUP to the first is passed on.
//
// Not daemon(3): it leaves the terminal at once, and the working directory,
// against which -F and -i may be read again when the link is made anew.
class Daemonizer {
 public:
  // Returns in the second process only. REQUIRES: one thread, no event loop.
  static Result<Daemonizer> start();

  // Leaves the terminal's session, puts stdin, stdout and stderr on /dev/null
  // and lets the first process go.
  Result<void> ready();

 private:
  explicit Daemonizer(UniqueFd waiting) : waiting_(std::move(waiting)) {}

  UniqueFd waiting_;  // closed unwritten: not ready, ask for the status
};

// The file that holds the process id while ginnel runs. It is locked all that
// time, so two that start together cannot both have it.
class PidFile {
 public:
  // Creates the file, or takes over what a dead process left. An Error when the
  // process it names runs, when another ginnel holds it, or when it holds
  // anything but a process id. To be called by the process that will run
  // (after Daemonizer::start()), as soon as possible.
  static Result<PidFile> claim(const std::string& path);

  PidFile(PidFile&&) = default;
  PidFile& operator=(PidFile&&) = delete;
  // Removes the file, unless in a fork. A small process does it, which is not
  // bound by what this one has given up since (Landlock), and which removes
  // the file after `kill -9` too.
  ~PidFile();

  // Writes the process id: from here on others may believe the file.
  Result<void> write();

 private:
  PidFile(std::string path, UniqueFd fd);

  std::string path_;  // absolute
  UniqueFd fd_;       // empty: moved from
  pid_t owner_;
  UniqueFd remover_;  // its end tells the remover
  pid_t remover_process_ = -1;
};

}  // namespace ginnel
