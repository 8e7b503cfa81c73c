// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <vector>

#include "client/transport/ssh_child.h"
#include "client/transport/ssh_config.h"
#include "client/transport/transport.h"

namespace ginnel::transport {

// The `ssh` program, or what -e names, once for each exec(). Its stdin and
// stdout are one socketpair (a fifth faster than pipes). ssh asks for
// passwords and host keys on the terminal itself; a password of
// user:password@host it gets as askpass.h tells.
//
// The connection is one we made and marked (see pass_fd.h) unless the way there
// is not ours to make: -e, a ProxyCommand, a ProxyJump or a bind address in the
// configuration. Then first_hop() tells where it goes.
class OpensshTransport : public Transport {
 public:
  // Throws Failure when the first hop's name does not resolve. ssh itself
  // starts with exec().
  static std::unique_ptr<Transport> open(asio::any_io_executor executor,
                                         SshConfig config, SshOptions options,
                                         SocketFactory make_socket,
                                         LineSink stderr_line);
  ~OpensshTransport() override;

  awaitable<std::unique_ptr<mux::Link>> exec(std::string command) override;
  bool multiplexes() const override { return false; }
  std::string_view name() const override { return "openssh"; }
  std::optional<Endpoint> peer() const override { return peer_; }
  std::vector<Endpoint> first_hop() const override { return first_hop_; }
  void close() override;

 private:
  OpensshTransport(asio::any_io_executor executor, SshConfig config,
                   SshOptions options, SocketFactory make_socket,
                   LineSink stderr_line);

  std::vector<std::string> arguments(const std::string& command) const;
  std::unique_ptr<mux::Link> start(const std::string& command, UniqueFd socket);

  asio::any_io_executor executor_;
  SshConfig config_;
  SshOptions options_;
  SocketFactory make_socket_;
  LineSink stderr_line_;
  std::string ciphers_;  // to ask for; empty: as ssh is configured
  bool own_socket_;
  std::optional<Endpoint> peer_;
  std::vector<Endpoint> first_hop_;
  std::vector<std::weak_ptr<SshChild>> children_;
};

// Where ssh's first TCP connection goes by this configuration: the first host
// of ProxyJump (of that host's own ProxyJump, and so on), else the server. For
// a ProxyCommand or -e that is a guess (`nc %h %p`); if the name does not even
// resolve there is a warning, and the answer is empty. Throws Failure.
std::vector<Endpoint> first_hop_of(const SshConfig& config,
                                   const SshOptions& options);

}  // namespace ginnel::transport
