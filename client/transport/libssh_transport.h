// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "client/transport/libssh_session.h"
#include "client/transport/ssh_config.h"

namespace ginnel::transport {

// An SSH session in this process, by libssh, on a socket that the factory
// made.
class LibsshTransport : public Transport {
 public:
  // Connects, checks the host key and logs in; may ask on the terminal.
  // Throws Failure.
  static awaitable<std::unique_ptr<Transport>> open(SshConfig config,
                                                    SshOptions options,
                                                    SocketFactory make_socket,
                                                    LineSink stderr_line);
  ~LibsshTransport() override;

  awaitable<std::unique_ptr<mux::Link>> exec(std::string command) override;
  bool multiplexes() const override { return true; }
  std::string_view name() const override { return "libssh"; }
  std::optional<Endpoint> peer() const override { return peer_; }
  std::vector<Endpoint> first_hop() const override { return {}; }
  void close() override;

 private:
  LibsshTransport(std::shared_ptr<LibsshSession> session, Endpoint peer,
                  LineSink stderr_line);

  std::shared_ptr<LibsshSession> session_;
  Endpoint peer_;
  LineSink stderr_line_;
};

}  // namespace ginnel::transport
