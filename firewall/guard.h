// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "base/unique_fd.h"
#include "firewall/undo.h"

namespace ginnel::firewall {

// A process that waits for the firewall's death and undoes what the kernel
// does not. It is told of each change before it is made, over a socket whose
// end means that the firewall is gone: told messages are read before that end,
// so none is lost, however the firewall died. It holds no copy of the netlink
// socket that owns the diverting table, which would keep that table alive; it
// does hold that of the translating one (undo.h), until the connections that
// were diverted have been told the end.
//
// The firewall watches the guard in turn, and ends when it is killed: what is
// in effect without a guard would outlive the next kill.
class Guard {
 public:
  // Forks. REQUIRES: one thread, and no descriptor yet whose closing means
  // something: the guard closes all it inherits.
  static Result<Guard> start();

  // To be called before what `entry` undoes is done. An error means that it
  // must not be done.
  Result<void> promise(const Undo& entry);

  // For poll(), which says POLLHUP once the guard is gone.
  int watched() const { return socket_.get(); }

  // Tells the guard that all has been undone, and waits for its end, which may
  // have come before.
  void dismiss();

 private:
  Guard(UniqueFd socket, pid_t process)
      : socket_(std::move(socket)), process_(process) {}

  UniqueFd socket_;
  pid_t process_;
};

}  // namespace ginnel::firewall
