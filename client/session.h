// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/signal_set.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/capture.h"
#include "client/discovery/discovery.h"
#include "client/dns/dns.h"
#include "client/firewall_proxy.h"
#include "client/intercept.h"
#include "client/lanes.h"
#include "client/options.h"
#include "client/rule_keeper.h"
#include "client/transport/choose.h"
#include "client/transport/ssh_options.h"
#include "client/transport/transport.h"
#include "mux/connection.h"
#include "mux/spawn.h"

namespace ginnel {

inline constexpr int kExitUsage = 2;
inline constexpr int kExitFatal = 99;

// What the options say of the SSH connection.
transport::SshOptions ssh_options(const Options& options);
transport::Kind transport_kind(TransportChoice choice);

// One run of ginnel: the link comes up, then the firewall, connections are
// served, and both go down again in reverse order. Nothing is captured before
// the far end is ready, and nothing stays captured when it is not: whatever
// ends the run undoes the rules first.
class Session : private mux::Connection::Owner {
 public:
  // `signals` are those that end it. `on_ready` is called once, when
  // connections are being captured; its failure ends the run.
  Session(asio::any_io_executor executor, asio::signal_set& signals,
          const Options& options, const Capture& capture,
          FirewallProxy firewall, std::function<Result<void>()> on_ready);
  ~Session() override;

  // Runs until a signal, the link or the firewall ends it. Returns the exit
  // status: 128 + the signal's number, or kExitFatal with the reason logged.
  awaitable<int> run();

 private:
  // Each returns the sentence that people should read.
  awaitable<std::string> serve();
  awaitable<std::string> run_link();
  awaitable<std::string> firewall_ended();
  awaitable<std::string> capture_until_end();
  awaitable<void> bring_up_link();
  awaitable<void> discover();
  void bring_up_firewall();
  std::vector<firewall::Rule> fixed_rules() const;
  Result<void> send_filters();
  firewall::Filters filters() const;
  std::vector<std::string> uplinks() const;
  Result<void> listen();
  bool listens_on(Family family) const;
  bool may_go_without(const Endpoint& listener) const;
  void start_intercepting();
  awaitable<int> wait_for_signal();
  awaitable<std::optional<int>> signal_just_behind();
  void take_down_firewall();
  void restrict_self(const std::string& also_writable);

  std::shared_ptr<mux::StreamHandler> open_requested(
      mux::Stream& stream, const mux::Target& target) override;
  void remote_log(log::Level level, std::string_view text) override;
  void attachable(const mux::Attachable& where) override;
  void suspicion(bool suspected) override;
  void window_wanted() override;

  asio::any_io_executor executor_;
  asio::signal_set& signals_;
  const Options& options_;
  const Capture& capture_;
  FirewallProxy firewall_;
  std::function<Result<void>()> on_ready_;

  std::unique_ptr<transport::Transport> transport_;
  std::unique_ptr<mux::Connection> connection_;
  std::shared_ptr<Lanes> lanes_;  // where the transport can have several
  std::vector<FirewallProxy::Listener> listeners_;
  std::optional<RuleKeeper> rules_;
  std::optional<Discovery> discovery_;
  std::optional<Dns> dns_;
  std::vector<std::unique_ptr<Interceptor>> interceptors_;
  bool firewall_down_ = false;
  std::optional<int> interrupted_by_;  // a signal that ended a question
};

}  // namespace ginnel
