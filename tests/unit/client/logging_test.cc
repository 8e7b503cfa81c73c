// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/logging.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/log.h"
#include "base/unique_fd.h"

using namespace ginnel;

namespace {

// What a process with these options writes to stderr for a line of each level.
std::string logged(const Options& options) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::dup2(write_end.get(), STDERR_FILENO);
    setup_logging(options);
    log::error("an error");
    log::warning("a {} warning");
    log::info("a line");
    log::debug("a detail");
    log::trace("a trace");
    _exit(0);
  }
  write_end.reset();
  std::string text;
  char block[512];
  for (ssize_t n; (n = ::read(read_end.get(), block, sizeof block)) > 0;) {
    text.append(block, static_cast<std::size_t>(n));
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  CHECK(status == 0);
  return text;
}

}  // namespace

TEST_CASE("logging: -v shows more, and no colour goes into a pipe") {
  const std::string graver =
      "ginnel: an error\nginnel: warning: a {} warning\nginnel: a line\n";
  Options options;
  CHECK(logged(options) == graver);
  options.verbose = 1;
  CHECK(logged(options) == graver + "ginnel: a detail\n");
  options.verbose = 2;
  std::string text = logged(options);
  CHECK(text.find(" ginnel: a trace\n") != std::string::npos);
  CHECK(text.find(':') == 2);  // the time
}

TEST_CASE("logging: --syslog leaves stderr silent, -D only later") {
  Options options;
  options.syslog = true;
  CHECK(logged(options).empty());
  options.daemon = true;
  CHECK(logged(options).starts_with("ginnel: an error\n"));
}
