// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "base/net_types.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "firewall/wire.h"

namespace ginnel {

// The unprivileged side of the firewall: starts `ginnel-firewall`, which runs
// as root, and holds the socket whose closing means "undo everything". That
// covers every way this process can end, so nothing has to be undone from
// here; the session merely waits, at a clean end, until it is done.
//
//   start, add_rules, listen, set_filters, install, ..., close, wait_undone
//
// What install() has put into effect may be changed: clear_rules, add_rules,
// set_filters, set_name_servers, listen, and install again, which replaces it
// from one packet to the next; what is open lives on.
//
// Calls block, each under its own deadline; none takes longer than some tens
// of milliseconds on a healthy machine. After a call has failed because the
// firewall ended or did not answer, all later ones fail too. A call that the
// system refused (a port in use, a kernel without nat) leaves the firewall
// running, and may be tried again with other values.
class FirewallProxy {
 public:
  struct Start {
    // Where ginnel-firewall is; empty: find_program().
    std::string program;
    // For tests and odd kernels: a table that its guard deletes, not the
    // kernel.
    bool owner_flag = true;
    // For start_by_sudo: how long a person may take to type a password.
    std::chrono::milliseconds patience = std::chrono::minutes(3);
    // For start_by_sudo: "sudo", "doas" or "pkexec"; empty: the first of
    // these that is installed.
    std::string elevator;
  };

  // The program beside the running one, then in ../libexec/ginnel, then in
  // ../firewall (a build tree). A process that is not root may name another
  // in GINNEL_FIREWALL; root takes no path from the environment.
  static Result<std::string> find_program();

  // For a process that runs as root: forks and executes the program on one
  // end of a socket pair. To be called before privileges are dropped and
  // before threads exist.
  static Result<FirewallProxy> start_as_root(const Start& start);

  // For a user: runs `sudo ginnel-firewall --connect PATH` on this terminal,
  // waits for the connection and checks that root made it. Nothing is left
  // of PATH afterwards. A signal with a handler ends the wait with EINTR.
  static Result<FirewallProxy> start_by_sudo(const Start& start);

  FirewallProxy(FirewallProxy&&) noexcept;
  FirewallProxy& operator=(FirewallProxy&&) noexcept;
  // Closes without waiting.
  ~FirewallProxy();

  // A socket that no rule captures: for the link to the far end, and for
  // look-ups that go where they would have gone. Blocking, CLOEXEC, not
  // connected.
  Result<UniqueFd> marked_socket(
      Family family, firewall::SocketKind kind = firewall::SocketKind::kTcp);

  struct Listener {
    // CLOEXEC. Listening and blocking; for DNS over UDP bound, non-blocking,
    // and saying of each packet which address it was sent to.
    UniqueFd socket;
    Endpoint endpoint;
  };
  // A listener for what is captured; port 0 is any free port. Fails when the
  // port is taken and when the machine has no such address: no IPv6, say.
  Result<Listener> listen(
      const Endpoint& endpoint,
      firewall::Purpose purpose = firewall::Purpose::kConnections);

  // Adds to the rules sent before, in as many messages as it takes.
  Result<void> add_rules(std::span<const firewall::Rule> rules);
  // Forgets the rules sent before.
  Result<void> clear_rules();
  Result<void> set_filters(const firewall::Filters& filters);
  // Look-ups to port 53 of these are captured, if there are listeners for DNS.
  // REQUIRES: at most firewall::kMaxNameServers.
  Result<void> set_name_servers(std::span<const IpAddress> addresses);

  // Puts all of the above into effect at once, or none of it.
  Result<void> install();

  // What is to stand in this machine's hosts file, in place of what was there
  // before; in as many messages as it takes. Takes effect by itself. REQUIRES:
  // at most firewall::kMaxHosts, of plain names.
  Result<void> set_hosts(std::span<const firewall::Host> hosts);

  // Makes this machine's resolver ask at `endpoint` for names in `domains`,
  // and for no others; with no domains, no more. Takes effect by itself. Fails
  // where the system has no resolver that can. REQUIRES: at most
  // firewall::kMaxDomains, of plain names.
  Result<void> set_resolver(std::span<const std::string> domains,
                            const Endpoint& endpoint);

  // Where a look-up over UDP was going that `asker` sent and that arrived at
  // `here`, a listener's port.
  Result<Endpoint> diverted_from(const Endpoint& asker, const Endpoint& here);

  // The socket to the firewall; -1 after the end. When it becomes readable
  // outside a call, the firewall has ended, and the rules are gone or going.
  int fd() const { return socket_.get(); }

  // Tells the firewall to undo everything; does not wait.
  void close();

  // After close(): waits until the rules are gone and the firewall's process
  // has ended. An error when it has not within `limit`, or when it said that
  // something could not be undone.
  Result<void> wait_undone(
      std::chrono::milliseconds limit = std::chrono::seconds(5));

 private:
  FirewallProxy(UniqueFd socket, pid_t child);

  struct Reply;
  // HELLO, the first request.
  Result<void> greet();
  // The answer to `request`, if it is not FAILED.
  Result<Reply> call(const firewall::Request& request);
  // The same, when the answer can only be DONE.
  Result<void> call_done(const firewall::Request& request);
  Result<Reply> exchange(Bytes request);
  Error out_of_turn();
  void reap();

  UniqueFd socket_;
  // Our child, when we started it ourselves: to be reaped. -1 otherwise.
  pid_t child_ = -1;
};

}  // namespace ginnel
