// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/capture.h"
#include "client/dns/look_ups.h"
#include "client/dns/own_name_servers.h"
#include "client/dns/tcp_listener.h"
#include "client/dns/udp_listener.h"
#include "client/firewall_proxy.h"
#include "client/options.h"
#include "client/rule_keeper.h"
#include "mux/session.h"
#include "resolve/inquiry.h"

namespace ginnel {

// --dns: the listeners for captured look-ups, what is done with them, and
// whose look-ups they are. With --dns-domain, systemd-resolved is told to ask
// us for those names, where it runs; elsewhere all look-ups are captured, and
// those for other names go on to where they were going.
class Dns {
 public:
  // All must outlive this. `hooks` may have no `elsewhere`.
  Dns(asio::any_io_executor executor, const Options& options,
      const Capture& capture, FirewallProxy& firewall, RuleKeeper& rules,
      mux::Session& session, LookUps::Hooks hooks);
  ~Dns();

  // Before the rules are first installed.
  Result<void> listen();
  // After: look-ups are answered, and changes of resolv.conf are followed.
  void start();
  void close();

 private:
  Result<void> listen_at(const IpAddress& address);
  Result<void> listen_on_same_port(const IpAddress& address);
  std::vector<IpAddress> listener_addresses() const;
  bool takes_forwarded() const;
  void ask_resolver_to_ask_us();
  // False: they were captured already.
  bool capture_own_look_ups();
  void install_again();
  bool ask_elsewhere(LookUps::Query query, const Endpoint& server,
                     LookUps::Done done);
  std::optional<Endpoint> diverted_from(const Endpoint& asker,
                                        const Endpoint& here);
  awaitable<void> follow_resolv_conf();

  asio::any_io_executor executor_;
  const Options& options_;
  const Capture& capture_;
  FirewallProxy& firewall_;
  RuleKeeper& rules_;
  OwnNameServers own_;
  LookUps look_ups_;
  bool resolver_asks_us_ = false;
  bool install_due_ = false;
  std::string failure_;  // of the last install
  std::vector<std::shared_ptr<UdpListener>> udp_;
  std::vector<std::shared_ptr<TcpListener>> tcp_;
  std::vector<Endpoint> endpoints_;
  // Put to servers outside the tunnel, and not answered yet.
  std::list<std::shared_ptr<Inquiry>> inquiries_;
  asio::steady_timer next_look_;
  bool closed_ = false;
};

}  // namespace ginnel
