// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/undo.h"

#include <utility>

#include "firewall/nft.h"
#include "firewall/note.h"

namespace ginnel::firewall {

Result<void> undo(const Undo& entry) {
  switch (entry.kind) {
    case UndoKind::kListener:
      return {};
    case UndoKind::kNote:
      return remove_note(entry.name);
    case UndoKind::kTable:
      return remove_table(entry.name);
  }
  return {};
}

Result<void> UndoList::undo_all() {
  Result<void> outcome;
  for (; !entries_.empty(); entries_.pop_back()) {
    Result<void> undone = undo(entries_.back());
    if (!undone && outcome) outcome = std::move(undone);
  }
  return outcome;
}

}  // namespace ginnel::firewall
