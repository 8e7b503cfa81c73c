// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "firewall/guard.h"
#include "firewall/hosts_block.h"
#include "firewall/nft.h"
#include "firewall/plan.h"
#include "firewall/resolver_link.h"
#include "firewall/undo.h"
#include "firewall/wire.h"

namespace ginnel::firewall {

// Carries out one client's requests, in the order that wire.h prescribes.
class Service {
 public:
  Service(Guard guard, Ownership ownership);

  struct Reply {
    Answer answer;
    UniqueFd passed;
  };
  // An error is for a request out of turn or over a bound: the client is
  // broken or hostile, and is to be left.
  Result<Reply> handle(const Request& request);

  // Hung up (poll()) once the guard is gone; then it is time to undo().
  int watched_guard() const { return guard_.watched(); }

  // Undoes everything. To be called once, at the end.
  Result<void> undo();

 private:
  Result<Reply> on(const request::Hello& hello);
  Result<Reply> on(const request::MarkedSocket& socket);
  Result<Reply> on(const request::Listen& listen);
  Result<Reply> on(const request::AddRules& add);
  Result<Reply> on(const request::SetFilters& set);
  Result<Reply> on(const request::Install& install);
  Result<Reply> on(const request::NameServers& servers);
  Result<Reply> on(const request::ClearRules& clear);
  Result<Reply> on(const request::SetHosts& set);
  Result<Reply> on(const request::SetResolver& set);
  Result<Reply> on(const request::Diverted& diverted);

  // Enters `entry` here and with the guard, before what it undoes is done.
  Result<void> promise(Undo entry);
  // Chooses the table's name and promises to undo it, once.
  Result<void> name_table();
  Result<void> install();
  // install() for the first time, and again.
  Result<void> install_first(const Plan& plan);
  Result<void> install_again(const Plan& plan);
  // What the kernel remembers of look-ups that went where they no longer go.
  void forget_old_look_ups();
  // Promises to remove the hosts block, once.
  Result<void> name_hosts_block();
  Result<void> set_hosts(std::vector<Host> hosts);
  Result<void> set_resolver(const request::SetResolver& set);
  // Makes the table that keeps the kernel translating (plan.h). Without it
  // the end of connections may not be told.
  Result<void> keep_translating();
  // An owned table goes with this process, whatever happens to the guard.
  void drop_needless_note();

  Guard guard_;
  Ownership ownership_;
  bool greeted_ = false;
  Wanted wanted_;
  // What wanted_ said at the last INSTALL, in ascending order.
  std::vector<Rule> installed_rules_;
  std::vector<IpAddress> installed_name_servers_;
  // The parts so far of a hosts block that is not complete.
  std::vector<Host> hosts_;
  std::optional<HostsBlock> hosts_block_;
  std::string hosts_left_out_;  // what was said last
  ResolverLink resolver_;
  std::string table_name_;
  std::optional<InstalledTable> table_;
  UndoList undo_;
};

}  // namespace ginnel::firewall
