// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "base/net_types.h"
#include "resolve/watched_file.h"

namespace ginnel {

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

  // As they are now, in order, each once; with none named, the loopback
  // addresses, as the C library has it. At most kMaxNameServers.
  std::vector<IpAddress> addresses();

 private:
  WatchedFile resolv_conf_;
  WatchedFile upstream_;
};

}  // namespace ginnel
