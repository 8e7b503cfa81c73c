// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

namespace ginnel::bench {

// Listens on `port` of every address and serves until it is killed. Each
// connection's first line says what it is for and is answered by "saw
// ADDRESS", the caller's, which tells whether it came through the tool:
//
//   who              nothing more
//   echo             everything back
//   down             the pattern, until the caller leaves
//   up TAG SECONDS   takes the pattern for so long, then ends by RST and
//                    prints "TAG ADDRESS PROGRESS" on stdout
void serve(unsigned short port);

}  // namespace ginnel::bench
