// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <string>

#include "base/net_types.h"
#include "base/result.h"
#include "base/unique_fd.h"

// Look-ups of some domains to a name server of ours, all others where they
// went before: what systemd-resolved calls routing domains. It knows these by
// link only, so there is a link for it, a TUN device that carries no packet.
// The device goes with the descriptor, and resolved forgets what it was told
// about a link that is gone: the end of this process, of whatever kind, undoes
// all of it, and no copy of the descriptor is given to anybody.
//
// resolved asks a link's servers from a socket tied to that link (it is why a
// VPN's servers are not asked by Wi-Fi), but spares addresses of this machine,
// which no link leads to: so `server` is on 127.0.0.1 or ::1, on any port.
// Those look-ups come from systemd-resolved on this machine straight to the
// listener; a rule that keeps strangers from it must let the loopback
// interface through.
//
// A link counts for resolved once it has carrier and an address of global
// scope. Ours gets 192.0.0.8/32, the IPv4 dummy address (RFC 7600,
// section 4.8): nobody's destination anywhere, not in 192.0.0.0/29, which
// DS-Lite and 464XLAT use, and without a route of its own.
namespace ginnel::firewall {

class ResolverLink {
 public:
  // Look-ups of names in `domains` ("corp.example"; no leading "~" or dot) are
  // to go to `server`, in place of those set before; no domains: nothing is,
  // and the link is gone. An error when this cannot be had, in one sentence
  // that says why, as without systemd-resolved; then there is no link either.
  // Waits for the bus and for resolved, three seconds at most.
  Result<void> set(std::span<const std::string> domains,
                   const Endpoint& server);

 private:
  UniqueFd device_;
};

}  // namespace ginnel::firewall
