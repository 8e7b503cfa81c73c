// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/undo.h"

#include <utility>

#include "firewall/hosts_block.h"
#include "firewall/leftovers.h"
#include "firewall/nft.h"
#include "firewall/note.h"

namespace ginnel::firewall {
namespace {

Result<void> undo(const Undo& entry) {
  switch (entry.kind) {
    case UndoKind::kTable:
      return remove_table(entry.name);
    case UndoKind::kListener:
      return {};
    case UndoKind::kTranslation:
      return remove_own_table(entry.held.get(), entry.name);
    case UndoKind::kHostsBlock:
      return remove_hosts_block(entry.name);
    case UndoKind::kNote:
      return remove_note(entry.name);
  }
  return {};
}

// Together, since the kernel's lists are long.
void end_connections(std::vector<Undo> entries) {
  std::vector<UniqueFd> listeners;
  for (Undo& entry : entries) listeners.push_back(std::move(entry.held));
  if (!listeners.empty()) end_diverted(listeners);
}

}  // namespace

Result<void> UndoList::undo_all() {
  Result<void> outcome;
  for (UndoKind kind :
       {UndoKind::kTable, UndoKind::kListener, UndoKind::kTranslation,
        UndoKind::kHostsBlock, UndoKind::kNote}) {
    std::vector<Undo> entries = take(kind);
    if (kind == UndoKind::kListener) {
      end_connections(std::move(entries));
      continue;
    }
    for (const Undo& entry : entries) {
      Result<void> undone = undo(entry);
      if (!undone && outcome) outcome = std::move(undone);
    }
  }
  return outcome;
}

std::vector<Undo> UndoList::take(UndoKind kind) {
  std::vector<Undo> taken;
  for (Undo& entry : entries_) {
    if (entry.kind == kind) taken.push_back(std::move(entry));
  }
  std::erase_if(entries_,
                [&](const Undo& entry) { return entry.kind == kind; });
  return taken;
}

}  // namespace ginnel::firewall
