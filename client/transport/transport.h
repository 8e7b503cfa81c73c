// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/net_types.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "mux/link.h"
#include "mux/spawn.h"

namespace ginnel::transport {

// Why there is no link: one sentence that names the thing, what is wrong with
// it and what to do.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A signal (SIGINT, SIGTERM, SIGHUP) ended a question on the terminal.
class Interrupted : public Failure {
 public:
  explicit Interrupted(int signal)
      : Failure("interrupted while asking on the terminal"), signal_(signal) {}
  int signal() const { return signal_; }

 private:
  int signal_;
};

// Makes an unconnected TCP socket of the family. `ginnel` has the root process
// make it, so that it carries the mark which keeps our own link from capture.
using SocketFactory = std::function<Result<UniqueFd>(Family)>;

// Gets one line that the far end, or the ssh program, wrote to stderr, without
// its newline. It must not destroy the transport.
using LineSink = std::function<void(std::string_view)>;

// A way to run one command at the far end and talk to its stdin and stdout.
// libssh: one authenticated SSH session, a channel for each exec(). openssh:
// one `ssh` child for each exec().
class Transport {
 public:
  virtual ~Transport() = default;

  // Runs `command` with the login user's shell; the Link is its stdin and
  // stdout. Whole lines of its stderr go to the sink given at creation.
  // Throws Failure.
  virtual awaitable<std::unique_ptr<mux::Link>> exec(std::string command) = 0;

  // Whether a further exec() is a further channel of the same connection, and
  // not another login.
  virtual bool multiplexes() const = 0;

  // For the log and for `-v`: "libssh", "openssh".
  virtual std::string_view name() const = 0;

  // Where the link's TCP connection goes, when this program made it.
  virtual std::optional<Endpoint> peer() const = 0;

  // Where the link's first TCP connection goes when it is not on a socket of
  // ours and therefore not marked: what must not be captured. Empty when the
  // link is marked, and, with a warning in the log, when nobody can tell.
  virtual std::vector<Endpoint> first_hop() const = 0;

  // Ends every Link and the session below; a child is ended and reaped.
  virtual void close() = 0;
};

}  // namespace ginnel::transport
