// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

// What the firewall does to the machine that outlives its process, one entry a
// thing. The firewall keeps the list, and so does its guard, which is told of
// each entry before the deed: an entry may therefore be about something that
// never happened, and undoing it must then do nothing.
namespace ginnel::firewall {

// In the order in which they are undone, so that what relies on another thing
// goes before it.
enum class UndoKind : std::uint8_t {
  // The nft table `name`, which diverts connections.
  kTable = 1,
  // A listener, held open so that its port belongs to nobody else while rules
  // may still divert connections to it. All that were diverted to it are ended
  // (leftovers.h), and nobody listens any more.
  kListener = 2,
  // The nft table `name`, without which the kernel would stop translating
  // (plan.h); the descriptor is the netlink socket that makes it, and owns it
  // where the kernel has owners. The firewall and its guard hold it both, so
  // that it outlives either.
  kTranslation = 3,
  // The block `name` of the hosts file (hosts_block.h).
  kHostsBlock = 4,
  // The note (note.h) of table `name`; the descriptor holds its lock.
  kNote = 5,
};

struct Undo {
  UndoKind kind;
  std::string name;
  UniqueFd held;
};

class UndoList {
 public:
  void add(Undo entry) { entries_.push_back(std::move(entry)); }

  // Undoes all, even after failures; returns the first of these. What
  // connections were left is logged only, if it cannot be ended.
  Result<void> undo_all();

 private:
  // Takes the entries of that kind off the list.
  std::vector<Undo> take(UndoKind kind);

  std::vector<Undo> entries_;
};

}  // namespace ginnel::firewall
