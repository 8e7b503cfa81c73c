// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/strings.h"

// One way to say something to the person, for all three programs. The root
// and the far-end program stay free of a logging library: what becomes of a
// line is the sink's business (spdlog in `ginnel`, stderr in
// `ginnel-firewall`, a LOG frame in `ginnel-helper`).
namespace ginnel::log {

enum class Level : std::uint8_t { kError, kWarning, kInfo, kDebug, kTrace };

using Sink = std::function<void(Level, std::string_view)>;

// Until it is called, lines at kInfo or graver go to stderr.
void set_sink(Sink sink);
// Lines less grave than `level` are dropped before they are built.
void set_level(Level level);
bool enabled(Level level);
void write(Level level, std::string_view line);

template <typename... Parts>
void error(const Parts&... parts) {
  write(Level::kError, concat(parts...));
}
template <typename... Parts>
void warning(const Parts&... parts) {
  if (enabled(Level::kWarning)) write(Level::kWarning, concat(parts...));
}
template <typename... Parts>
void info(const Parts&... parts) {
  if (enabled(Level::kInfo)) write(Level::kInfo, concat(parts...));
}
template <typename... Parts>
void debug(const Parts&... parts) {
  if (enabled(Level::kDebug)) write(Level::kDebug, concat(parts...));
}
template <typename... Parts>
void trace(const Parts&... parts) {
  if (enabled(Level::kTrace)) write(Level::kTrace, concat(parts...));
}

}  // namespace ginnel::log
