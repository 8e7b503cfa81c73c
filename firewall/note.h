// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

// The last net: a note for each table under /run/ginnel, for the case that
// both the firewall and its guard were killed and the kernel does not own the
// table (where it does, the note goes once the table is there). The folder and
// the notes are root's alone; a note is named for its table and holds the
// network namespace. It is locked (flock) by the processes that look after the
// table, so a note that can be locked is stale. (A process id and a start time
// would do too, but not across containers.)
namespace ginnel::firewall {

inline constexpr char kNotes[] = "/run/ginnel";

// The folder, made if need be, and locked against other ginnels until the
// descriptor is closed. One that somebody else could write to is refused.
Result<UniqueFd> lock_notes(const std::string& folder = kNotes);

// REQUIRES: it is locked. Leaves one that holds anybody's notes.
void remove_notes_if_empty(const std::string& folder = kNotes);

// Writes the note for `table`; the descriptor, and any copy of it, holds the
// lock. An error when there is one of that name.
Result<UniqueFd> write_note(const std::string& table);

// Removes the note for `table`, if there is one.
Result<void> remove_note(const std::string& table);

// Deletes the tables of stale notes of this network namespace, then the notes.
// What goes wrong is logged and does not keep anybody from starting.
void repair_stale_notes();

}  // namespace ginnel::firewall
