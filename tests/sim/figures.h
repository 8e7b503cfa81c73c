// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace ginnel::sim {

// Prints the table, of the scenarios whose name begins with `only` if that is
// not null. False when a figure is out of its bounds.
bool print_figures(const char* only);

}  // namespace ginnel::sim
