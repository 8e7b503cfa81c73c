// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/logging.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <syslog.h>

#include <memory>
#include <string_view>
#include <vector>

#include "base/log.h"

namespace ginnel {
namespace {

spdlog::level::level_enum spdlog_level(log::Level level) {
  switch (level) {
    case log::Level::kError:
      return spdlog::level::err;
    case log::Level::kWarning:
      return spdlog::level::warn;
    case log::Level::kInfo:
      return spdlog::level::info;
    case log::Level::kDebug:
      return spdlog::level::debug;
    case log::Level::kTrace:
      break;
  }
  return spdlog::level::trace;
}

log::Level threshold(int verbose) {
  if (verbose == 0) return log::Level::kInfo;
  return verbose == 1 ? log::Level::kDebug : log::Level::kTrace;
}

// One thread writes, hence the unlocked (_st) sinks.
std::vector<spdlog::sink_ptr> make_sinks(const Options& options) {
  std::vector<spdlog::sink_ptr> sinks;
  if (options.daemon || !options.syslog) {
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_st>();
    sink->set_pattern(options.verbose > 1 ? "%H:%M:%S.%e %^ginnel:%$ %v"
                                          : "%^ginnel:%$ %v");
    sinks.push_back(std::move(sink));
  }
  if (options.syslog) {
    sinks.push_back(std::make_shared<spdlog::sinks::syslog_sink_st>(
        "ginnel", LOG_PID, LOG_DAEMON, /*enable_formatting=*/false));
  }
  return sinks;
}

}  // namespace

void setup_logging(const Options& options) {
  auto sinks = make_sinks(options);
  auto logger =
      std::make_shared<spdlog::logger>("ginnel", sinks.begin(), sinks.end());
  logger->set_level(spdlog::level::trace);  // log::set_level() decides
  log::set_level(threshold(options.verbose));
  log::set_sink([logger](log::Level level, std::string_view line) {
    // As a value, not as a format: lines hold the far end's words.
    if (level == log::Level::kWarning) {
      logger->log(spdlog_level(level), "warning: {}", line);
    } else {
      logger->log(spdlog_level(level), "{}", line);
    }
  });
}

}  // namespace ginnel
