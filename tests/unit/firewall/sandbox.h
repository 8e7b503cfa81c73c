// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/net_types.h"
#include "base/unique_fd.h"
#include "client/firewall_proxy.h"
#include "firewall/wire.h"

// A place for the real firewall to act on a real kernel without anybody's
// noticing: network namespaces, and a mount namespace with a /run of its own.
// Needs root.
namespace ginnel::firewall {

// A network namespace, entered by its maker; others are entered by enter().
class NetworkNamespace {
 public:
  NetworkNamespace();
  void enter() const;
  const UniqueFd& fd() const { return fd_; }

 private:
  UniqueFd fd_;
};

// Runs a shell command, which must succeed, and returns what it printed.
std::string shell(const std::string& command);
// The whole ruleset of this namespace.
std::string ruleset();

IpAddress ip(const char* text);
Rule include(const char* address, int length, PortRange ports = PortRange());
Rule exclude(const char* address, int length, PortRange ports = PortRange());

// Whether `done` becomes true in time: for what another process does.
bool eventually(const std::function<bool()>& done);

// What became of a try to connect.
enum class Outcome { kConnected, kRefused, kNoAnswer, kOther };
// With a socket made in this namespace, by `user`; or with that socket. The
// limit for no answer is short, since nothing here is far away.
Outcome connect_to(const Endpoint& to, uid_t user = 0);
Outcome connect_to(const UniqueFd& socket, const Endpoint& to);

// Where the connection that waits at `listener` was going.
Endpoint original_destination(const UniqueFd& listener);
// Whether a connection waits.
bool has_waiting(const UniqueFd& listener);

// This machine in a namespace of its own, with one way out (`wan0`, to a peer
// namespace that forwards nothing), a route to everywhere by it, and a rule
// that refuses what would leave by it: so a connection that is not captured is
// refused at once. `before` is the ruleset without ginnel's.
class Sandbox {
 public:
  Sandbox();
  ~Sandbox();

  FirewallProxy start(bool owner_flag = true);
  // Starts, listens on loopback in both families, and installs.
  FirewallProxy capture(const std::vector<Rule>& rules,
                        const Filters& filters = {}, bool owner_flag = true);

  NetworkNamespace home;
  NetworkNamespace outside;  // at the other end of wan0: 192.0.2.2
  std::string before;
  // Of the last capture().
  UniqueFd listener4;
  UniqueFd listener6;
  Endpoint at4;
  Endpoint at6;
};

// A LAN behind `home`, on br0: 192.168.7.0/24 and fd00:7::/64.
struct Router : Sandbox {
  Router();

  // Starts, listens at these addresses, and installs, forwarded connections
  // included.
  FirewallProxy route(const std::vector<Rule>& rules, const char* four,
                      const char* six, Filters filters);
  // What becomes of a connection that somebody in `where` makes.
  Outcome from(const NetworkNamespace& where, const Endpoint& target);

  NetworkNamespace lan;
};

// The children of `process`, and the processes that run the firewall.
std::vector<pid_t> children_of(pid_t process);

}  // namespace ginnel::firewall
