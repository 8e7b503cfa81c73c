// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace ginnel::sim {

// One random network with random streams. Nothing when all went well, else
// what did not.
std::string run_random_network(std::uint64_t seed);

}  // namespace ginnel::sim
