// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/ip/udp.hpp>

#include "tests/bench/probe_client.h"

namespace ginnel::bench {

// Look-ups of names that are all different, by `workers` at a time, each from
// a socket of its own as programs make one. The server is one that knows
// h-A-B-C-D.bench.test to be A.B.C.D. Prints {"rate":PER_SECOND,"lost":PART,
// Durations}: the answers that came in `time`, what part of the queries none
// came to within two seconds, and how long each took, which for a lost one is
// these two seconds. Throws, saying why, when an answer is wrong, nobody serves
// there or no answer comes at all.
awaitable<void> look_ups(asio::ip::udp::endpoint server, Seconds time,
                         int workers);

}  // namespace ginnel::bench
