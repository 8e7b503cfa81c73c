// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "client/options.h"

namespace ginnel {

// Sends log:: lines where the options say, for the rest of the run: stderr,
// as "ginnel: …", coloured on a terminal; syslog with --syslog; both with -D,
// whose stderr ends when Daemonizer::ready() points it at /dev/null.
//
// What is shown: errors, warnings and information; with -v debug lines; with
// -vv traces, too, and each line's time of day.
void setup_logging(const Options& options);

}  // namespace ginnel
