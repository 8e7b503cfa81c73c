// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

// The two ways from `ginnel` to a root process with a socket between them.
// firewall_proxy.h says what is to be said over it.
namespace ginnel {

struct StartedProcess {
  UniqueFd socket;
  pid_t process = -1;  // our child; -1 when it is not
};

// Forks and executes `program` with `arguments` and `--fd 3`. When it cannot
// be executed, the socket yields a FAILED answer that says why.
Result<StartedProcess> start_child(const std::string& program,
                                   const std::vector<std::string>& arguments);

// Executes `elevator` ("sudo", ...; empty: the first there is) with `program`,
// `arguments` and `--connect PATH`, and returns the connection that root makes
// to PATH. Gives up after `patience`, when the elevator ends with a status
// other than 0, and on a signal that has a handler.
Result<StartedProcess> start_elevated(const std::string& elevator,
                                      const std::string& program,
                                      const std::vector<std::string>& arguments,
                                      std::chrono::milliseconds patience);

}  // namespace ginnel
