// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <string>

#include "base/unique_fd.h"

namespace ginnel {

// A network of this test's own, in which nothing but loopback is up, until it
// goes out of scope. Needs root.
class PrivateNetwork {
 public:
  PrivateNetwork();
  ~PrivateNetwork();
  PrivateNetwork(const PrivateNetwork&) = delete;
  PrivateNetwork& operator=(const PrivateNetwork&) = delete;

 private:
  UniqueFd before_;
};

// Runs a shell command, which must succeed, and returns what it printed.
std::string shell(const std::string& command);

}  // namespace ginnel
