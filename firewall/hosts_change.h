// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

// Edits the hosts file where it stands, so that inode, mode, owner and a bind
// mount over it stay. That has no rename's atomicity, whence three measures:
//
// - Ginnels take turns by flock() on the folder of notes, where no user can get
//   in the way, and on the hosts file itself, which containers may share that
//   do not share /run. The second is waited for only briefly, since anybody who
//   can read the file can hold it.
// - All others wait, too: while the file is being edited it is leased
//   (F_SETLEASE), and the kernel delays whoever opens it. So nobody reads half
//   a block, and no editor's save falls between our reading and our writing.
//   Where there are no leases, or somebody keeps the file open, it is done
//   without, right after a look whether the file has grown.
// - What an edit does is written down before. Whoever edits next completes
//   what a killed process left half done. (A power cut takes the note along;
//   then the marks of hosts_edit.h have to do.)
namespace ginnel::firewall {

// Where the hosts file is, and the folder for what must survive a kill.
struct HostsPlace {
  std::string file = "/etc/hosts";
  std::string notes = "/run/ginnel";
};

// Larger files are left alone. Block lists of half a million names take 15 MB.
inline constexpr std::size_t kMaxHostsFile = 64 << 20;

// Makes of the file's text what `change` makes of it, in the least edit there
// is, after completing what was left half done. `change` may be called again
// if somebody else has been quicker. An error, and nothing has changed, when
// there is no such file or it cannot be written.
Result<void> change_hosts(
    const HostsPlace& place,
    const std::function<std::string(std::string_view text)>& change);

// The file's text, without waiting for anybody.
Result<std::string> read_hosts(const HostsPlace& place);

}  // namespace ginnel::firewall
