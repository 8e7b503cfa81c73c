// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace ginnel::transport {

// The person's terminal, for the few questions of a log-in. Reading blocks the
// whole program, which has nothing else to do then. SIGINT, SIGTERM and SIGHUP
// end a question, whoever else handles them: the terminal and the handlers are
// set back, and Interrupted is thrown.
class Terminal {
 public:
  // Nothing when the program has no controlling terminal.
  static std::optional<Terminal> open();

  // Shows `text` as it is.
  void write(std::string_view text);
  // Shows `prompt` and reads one line, at most 1 KiB, with or without echo.
  // Nothing at end of file. Throws Interrupted.
  std::optional<std::string> ask(std::string_view prompt, bool echo);

 private:
  explicit Terminal(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace ginnel::transport
