// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <map>
#include <vector>

#include "mux/spawn.h"
#include "names/netlink.h"

namespace ginnel {

// At which addresses there are hosts, as this machine knows without asking
// anybody: its neighbour tables, the other ends of its connections, itself.
class Survey {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Beyond these, and beyond what is read of tables, hosts are left out.
  static constexpr std::size_t kMaxHosts = 512;
  static constexpr std::size_t kMaxTable = 1024 * 1024;
  // How soon an address that is still seen is due again.
  static constexpr auto kAgain = std::chrono::minutes(15);

  struct Due {
    std::vector<IpAddress> neighbours;
    std::vector<IpAddress> others;
  };

  explicit Survey(asio::any_io_executor executor) : executor_(executor) {}

  // The addresses that are there now and are new, or due again.
  awaitable<Due> take();

 private:
  awaitable<void> read_neighbours(Family family, std::vector<IpAddress>& found);
  std::vector<IpAddress> due(const std::vector<IpAddress>& found,
                             TimePoint now);

  asio::any_io_executor executor_;
  std::map<IpAddress, TimePoint> seen_;  // when each is due again
};

}  // namespace ginnel
