// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "firewall/hosts_change.h"
#include "firewall/wire.h"

// Names in the hosts file, for programs that ask no name server: a marked
// block at the end of the file (hosts_edit.h), put there and taken out again in
// a way that spares everything else (hosts_change.h).
namespace ginnel::firewall {

// The block of one run of ginnel-firewall.
class HostsBlock {
 public:
  // Names the run after this process, changes nothing. An error when /proc
  // does not tell enough.
  static Result<HostsBlock> of_this_process(HostsPlace place = {});

  // What undoes it: UndoKind::kHostsBlock with this name, which must have been
  // promised before the first set().
  const std::string& name() const { return name_; }

  // These names, in this order, in place of those set before; none at all:
  // without a block. An error, and nothing has changed, when there are more
  // than kMaxHosts, a name is no host's name or is this machine's own or
  // localhost's, or the file cannot be written.
  Result<void> set(std::span<const Host> hosts) const;

 private:
  HostsBlock(std::string name, HostsPlace place)
      : name_(std::move(name)), place_(std::move(place)) {}

  std::string name_;
  HostsPlace place_;
};

// Whether a host's name means this machine itself: its own, or localhost's.
bool is_this_machine(const std::string& host_name);

// Whether `name` is one that a HostsBlock may have.
bool is_hosts_block(const std::string& name);

// Cuts the block of that name, after completing what a killed process left
// half done. Nothing there to cut is no error.
Result<void> remove_hosts_block(const std::string& name,
                                const HostsPlace& place = {});

// The same for the blocks of runs that have ended, as far as that can be told
// from here: those of another boot, and of dead processes of this PID
// namespace. What goes wrong is logged and keeps nobody from starting.
void remove_stale_hosts_blocks(const HostsPlace& place = {});

}  // namespace ginnel::firewall
