// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "mux/link.h"
#include "mux/spawn.h"

namespace ginnel::transport {

// A way to run one command at the far end and talk to its stdin and stdout.
// libssh: one authenticated SSH session, a channel for each exec(). openssh:
// one `ssh` child for each exec().
class Transport {
 public:
  virtual ~Transport() = default;

  // Runs `command` with the login user's shell; the Link is its stdin and
  // stdout. Whole lines of its stderr go to the sink given at creation.
  // Throws ginnel::transport::Failure.
  virtual awaitable<std::unique_ptr<mux::Link>> exec(std::string command) = 0;

  // For the log and for `-v`: "libssh", "openssh".
  virtual std::string_view name() const = 0;

  // Ends every Link and the session below; a child is ended and reaped.
  virtual void close() = 0;
};

}  // namespace ginnel::transport
