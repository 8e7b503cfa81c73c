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

enum class UndoKind : std::uint8_t {
  // A listener, held open so that its port belongs to nobody else while rules
  // may still divert connections to it. Undone by closing.
  kListener = 1,
  // The note (note.h) of table `name`; the descriptor holds its lock.
  kNote = 2,
  // The nft table `name`.
  kTable = 3,
};

struct Undo {
  UndoKind kind;
  std::string name;
  UniqueFd held;
};

// Undoes one entry.
Result<void> undo(const Undo& entry);

// Entries, undone from the last to the first, so that what relies on another
// thing goes before it.
class UndoList {
 public:
  void add(Undo entry) { entries_.push_back(std::move(entry)); }

  // Undoes all, even after failures; returns the first of these.
  Result<void> undo_all();

 private:
  std::vector<Undo> entries_;
};

}  // namespace ginnel::firewall
