// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "base/net_types.h"
#include "resolve/watched_file.h"

namespace ginnel {

// Whose look-ups are captured: `named` are resolv.conf's servers, and with none
// it is the loopback addresses, as the C library has it. Where these name a
// stub on this machine, so are `upstream`, which the stub asks. Where
// systemd-resolved asks us for the names that are ours (`resolved_asks_us`),
// its stub and what that asks are left alone, and nothing else is: not every
// program asks resolved. Each once, at most kMaxNameServers.
std::vector<IpAddress> captured_servers(const std::vector<IpAddress>& named,
                                        const std::vector<IpAddress>& upstream,
                                        bool resolved_asks_us);

// The name servers that programs of this machine ask, by its resolv.conf, and,
// where that names a stub on this machine (systemd-resolved's 127.0.0.53),
// those that the stub asks: look-ups to any of them are this machine's.
class OwnNameServers {
 public:
  static constexpr const char* kResolvConf = "/etc/resolv.conf";
  // What systemd-resolved asks (systemd-resolved.service(8)).
  static constexpr const char* kUpstream = "/run/systemd/resolve/resolv.conf";

  explicit OwnNameServers(std::string resolv_conf = kResolvConf,
                          std::string upstream = kUpstream);

  // captured_servers() as they are now.
  std::vector<IpAddress> addresses(bool resolved_asks_us);
  // The index of the interface that a link-local one is named with
  // ("fe80::1%eth0"); 0 when there is none.
  unsigned zone_of(const IpAddress& server);

 private:
  WatchedFile resolv_conf_;
  WatchedFile upstream_;
};

}  // namespace ginnel
