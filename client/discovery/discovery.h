// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <optional>
#include <vector>

#include "client/capture.h"
#include "client/discovery/far_names.h"
#include "client/discovery/far_networks.h"
#include "client/discovery/host_names.h"
#include "client/discovery/rule_installer.h"
#include "client/dns/look_ups.h"
#include "client/firewall_proxy.h"
#include "client/options.h"
#include "client/rule_keeper.h"
#include "mux/session.h"

namespace ginnel {

// What the far end tells of itself, as far as the options ask for it: its
// networks (--auto-nets), where names are (far:NAME), its hosts (--auto-hosts).
class Discovery {
 public:
  // All must outlive this.
  Discovery(const asio::any_io_executor& executor, const Options& options,
            const Capture& capture, FirewallProxy& firewall, RuleKeeper& rules,
            mux::Session& session);

  // Asks. The session must be running.
  void start();
  // Until what is to be captured is known, and put to the rules, or the far end
  // has been waited for long enough.
  awaitable<void> wait();
  // The rules have been installed; from now on they are when they change.
  void installed();
  void close();

  // What it has to say about look-ups.
  LookUps::Hooks hooks();

 private:
  // Whether they are in effect.
  bool set(RuleKeeper::Part part, std::vector<firewall::Rule> rules);
  void in_effect();

  RuleKeeper& rules_;
  RuleInstaller installer_;
  std::optional<FarNetworks> nets_;
  std::optional<FarNames> names_;
  std::optional<HostNames> hosts_;
  bool installed_ = false;
};

}  // namespace ginnel
