// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

namespace ginnel::lab {

// Listens on `ports` of every address, both families, and serves until it is
// killed. The first line of a connection says what it is for:
//
//   GET ...     a page that tells `name` and the caller's address, over HTTP
//   who         the same in one line
//   echo        everything back; the end of file too
//   source N    the first N bytes of the bulk pattern, then end of file
//   sink        takes all, then tells "BYTES SHA256"
//   early TAG   says "bye" and ends its side at once, and goes on reading
//   watch TAG   says "ok" and reads
//   rst         says "ok", waits for a line, ends by RST
//   stall       reads nothing more, for ever
//
// stdout gets a line when early and watch end: "TAG BYTES eof" or
// "TAG BYTES WHY", where WHY is the system's word for how it broke.
void serve(const std::string& name, const std::vector<std::string>& ports);

}  // namespace ginnel::lab
