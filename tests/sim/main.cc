// SPDX-License-Identifier: GPL-3.0-or-later
// sim --seeds N [--first S]: random networks; a failure names its seed, and the
// seed repeats it.
// sim --figures: what the in-flight limit and the scheduler reach on known
// networks, as a table; a figure out of its bounds has failed.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/sim/figures.h"
#include "tests/sim/random_network.h"

namespace {

int run_seeds(unsigned long long first, unsigned long long seeds) {
  unsigned long long failed = 0;
  for (unsigned long long seed = first; seed < first + seeds; ++seed) {
    std::string wrong = ginnel::sim::run_random_network(seed);
    if (wrong.empty()) continue;
    ++failed;
    std::printf("seed %llu: %s\n", seed, wrong.c_str());
  }
  std::printf("%llu seeds: %llu passed, %llu failed\n", seeds, seeds - failed,
              failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  unsigned long long seeds = 1000, first = 1;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--figures")) {
      return ginnel::sim::print_figures(argv[i + 1]) ? 0 : 1;
    }
    if (i + 1 == argc) break;
    unsigned long long value = std::strtoull(argv[i + 1], nullptr, 10);
    if (!std::strcmp(argv[i], "--seeds")) seeds = value;
    if (!std::strcmp(argv[i], "--first")) first = value;
  }
  return run_seeds(first, seeds);
}
