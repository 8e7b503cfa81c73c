// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "client/discovery/far_records.h"
#include "client/discovery/host_answers.h"
#include "client/discovery/host_table.h"
#include "client/discovery/local_names.h"
#include "firewall/wire.h"
#include "resolve/alarm.h"

namespace ginnel {

// --auto-hosts: asks the far end for the names of the hosts that it can find,
// and makes known here those that this machine does not know otherwise, at
// addresses that are captured. They are known to look-ups (--dns), or stand in
// the hosts file. What is found is logged.
class HostNames {
 public:
  struct Hooks {
    // Whether connections to the address are captured.
    std::function<bool(const IpAddress& address)> captured;
    // Puts these, and no others, into the hosts file; empty where all look-ups
    // come here.
    std::function<Result<void>(const std::vector<firewall::Host>& hosts)>
        publish;
  };

  // Changes that come together are one; and between two there is a second.
  static constexpr auto kPause = std::chrono::milliseconds(100);
  static constexpr auto kInterval = std::chrono::seconds(1);
  // After the hosts file could not be written.
  static constexpr auto kRetry = std::chrono::seconds(10);

  // `seeds` are names to ask about there, too. `session` must outlive close().
  HostNames(const asio::any_io_executor& executor, mux::Session& session,
            std::vector<std::string> seeds, Hooks hooks);

  // When the rules have been installed.
  void start();
  // Other addresses are captured now.
  void rules_changed();
  // For LookUps::Hooks::known.
  std::optional<std::vector<std::byte>> known(Bytes query) const;
  void close();

 private:
  void told(const names::NameRecord& record);
  void change_soon();
  void apply();
  void log_changes(const std::vector<KnownHost>& next) const;
  void publish();
  bool is_captured(const IpAddress& address);

  asio::any_io_executor executor_;
  mux::Session& session_;
  names::Seeds seeds_;
  Hooks hooks_;
  std::shared_ptr<FarRecords<names::NameRecord>> records_;
  LocalNames local_;
  HostTable table_;
  bool full_ = false;
  // Since the rules changed: to ask is dear when there are thousands of them.
  std::map<IpAddress, bool> captured_;
  std::vector<KnownHost> hosts_;
  HostAnswers answers_;
  std::string failure_;  // why they are not in the hosts file
  std::optional<Alarm> change_;
  bool change_pending_ = false;
  std::chrono::steady_clock::time_point next_change_{};
};

}  // namespace ginnel
