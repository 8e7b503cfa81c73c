// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/net_types.h"
#include "names/resolv_conf.h"
#include "resolve/watched_file.h"

namespace ginnel {

struct NameServer {
  Endpoint endpoint;
  std::uint32_t zone = 0;  // index of a link-local one's interface

  NameServer() = default;
  NameServer(const Endpoint& where, std::uint32_t interface = 0)
      : endpoint(where), zone(interface) {}
  auto operator<=>(const NameServer&) const = default;
};

// Which name servers this machine has, by its resolv.conf, which is followed as
// it changes, and which of any servers have been silent of late: they are asked
// last. (glibc waits five seconds for a dead first server with each look-up
// anew.)
class NameServers {
 public:
  using TimePoint = WatchedFile::TimePoint;

  static constexpr std::uint16_t kPort = 53;

  explicit NameServers(std::string path, std::uint16_t port = kPort);

  const names::ResolvConf& conf(TimePoint now);
  // Those of resolv.conf; this machine itself when it names none.
  std::vector<NameServer> own(TimePoint now);

  // The same ones, those that are silent last.
  std::vector<NameServer> in_order(std::vector<NameServer> servers,
                                   TimePoint now) const;
  void was_silent(const NameServer& server, TimePoint now);
  void has_answered(const NameServer& server);

 private:
  WatchedFile file_;
  std::uint16_t port_;
  unsigned version_ = 0;
  names::ResolvConf conf_;
  std::map<NameServer, TimePoint> silent_until_;
};

}  // namespace ginnel
