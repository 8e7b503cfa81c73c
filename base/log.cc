// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/log.h"

#include <unistd.h>

#include <string>
#include <utility>

namespace ginnel::log {
namespace {

void to_stderr(Level, std::string_view line) {
  std::string text(line);
  text += '\n';
  // Nobody is left to be told that stderr is gone.
  [[maybe_unused]] ssize_t written =
      ::write(STDERR_FILENO, text.data(), text.size());
}

Sink& sink() {
  static Sink current = to_stderr;
  return current;
}

Level threshold = Level::kInfo;

}  // namespace

void set_sink(Sink next) { sink() = std::move(next); }
void set_level(Level level) { threshold = level; }
bool enabled(Level level) { return level <= threshold; }

void write(Level level, std::string_view line) {
  if (enabled(level)) sink()(level, line);
}

}  // namespace ginnel::log
