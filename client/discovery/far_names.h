// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "client/discovery/far_name.h"
#include "client/discovery/first_answer.h"
#include "client/discovery/own_networks.h"
#include "client/discovery/seen_addresses.h"
#include "client/subnet_spec.h"
#include "firewall/wire.h"
#include "mux/session.h"
#include "resolve/alarm.h"

namespace ginnel {

// Targets by name at the far end. A far:NAME is looked up there again and again
// as long as its answers hold, and captured are the addresses that it has. Of a
// far:*.NAME captured are those that answers to look-ups have, before whoever
// asked gets the answer. What could be no host, or is this machine itself, is
// not captured, whatever the far end says; and neither is what the user
// excludes, nor, below a far:*.NAME, what is in this machine's own networks.
class FarNames {
 public:
  struct Limits {
    bool ipv6 = true;
    // What the user named, whatever the ports.
    std::vector<Prefix> includes;
    // In the firewall's order alone, an address that the far end tells would
    // come before any of as many ports.
    std::vector<firewall::Rule> excludes;
  };

  // The rules, in place of those given before. True: they are in effect;
  // otherwise in_effect() is called when they are.
  using Changed = std::function<bool(std::vector<firewall::Rule> rules)>;

  // For the first answers, before it goes on without.
  static constexpr auto kPatience = std::chrono::seconds(5);
  // Changes that come together are one.
  static constexpr auto kPause = std::chrono::milliseconds(50);
  // Between two looks for addresses that no longer count.
  static constexpr auto kSweep = std::chrono::seconds(30);

  // REQUIRES: each of `names` is far. `session` must outlive close().
  FarNames(const asio::any_io_executor& executor, mux::Session& session,
           const std::vector<SubnetSpec>& names, Limits limits, Changed changed,
           OwnAddresses own = own_addresses);

  void start();
  // Until each name has been answered, or kPatience after start(); `changed`
  // has been called then.
  awaitable<void> wait();
  // A look-up was answered, and the answer is about to be passed on.
  void answered(Bytes query, Bytes answer);
  void in_effect();
  void close();

 private:
  struct Followed {
    Followed(SubnetSpec spec, bool ipv6, const asio::any_io_executor& executor,
             FarNames& owner)
        : name(std::move(spec), ipv6),
          again(executor, [this, &owner] { owner.ask(*this); }) {}
    FarName name;
    Alarm again;
    std::vector<IpAddress> applied;  // what it had when rules were made of it
    struct Judged {
      std::vector<IpAddress> captured, excluded;
    };
    Judged now, logged;
    bool answered = false;
  };

  void ask(Followed& followed);
  void told(Followed& followed, const std::optional<names::Addresses>& answer);
  void capture(Followed& followed, const std::vector<OwnAddress>& own,
               std::vector<firewall::Rule>& to);
  void capture_seen(const std::vector<OwnAddress>& own,
                    std::vector<firewall::Rule>& to) const;
  bool is_excluded(const firewall::Rule& rule) const;
  bool see(const SubnetSpec& wildcard, Bytes answer);
  void sweep();
  void change_soon();
  void apply();

  asio::any_io_executor executor_;
  mux::Session& session_;
  const Limits limits_;
  Changed changed_;
  OwnAddresses own_;
  std::deque<Followed> followed_;
  std::vector<SubnetSpec> wildcards_;  // in lower case
  SeenAddresses seen_;
  FirstAnswer answered_;
  std::size_t unanswered_ = 0;
  bool applied_ = false;  // once; until then all is awaited
  std::optional<Alarm> change_, sweep_;
  bool change_pending_ = false;
  // Answers that come later find it gone.
  std::shared_ptr<int> open_ = std::make_shared<int>();
};

}  // namespace ginnel
