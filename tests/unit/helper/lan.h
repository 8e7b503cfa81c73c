// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/unit/helper/private_network.h"

namespace ginnel {

// This process on a network with another host: `lan0` here with 10.1.0.5/16 and
// 2001:db8:1::5/64, `eth0` there with 10.1.0.9 and 2001:db8:1::9.
class Lan {
 public:
  Lan();
  ~Lan();

  // Starts a program on the other host, with an empty /run of its own, which
  // ends with this object; `command` is a shell's and ends in an exec. Waits
  // until it has printed `sign`.
  void start(const std::string& command, const std::string& sign);
  // Runs a command there, which must succeed.
  std::string there(const std::string& command);

  // `address`, one of the other host's, is in this one's neighbour table.
  void introduce(const std::string& address);

  // An avahi-daemon there, which is called `name`; it offers a service ("yes")
  // or nothing ("no").
  void start_avahi(const std::string& name, const std::string& service = "yes");
  // Samba's nmbd there. It is the master of its workgroup ("yes"), or not.
  void start_nmbd(const std::string& name, const std::string& master);

 private:
  PrivateNetwork here_;
  UniqueFd near_, far_;  // the namespaces
  std::vector<pid_t> programs_;
  std::vector<UniqueFd> outputs_;  // theirs; a closed one would end them
};

}  // namespace ginnel
