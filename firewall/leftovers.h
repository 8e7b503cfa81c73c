// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <span>

#include "base/net_types.h"
#include "base/unique_fd.h"
#include "firewall/cells.h"
#include "firewall/conntrack.h"

// Diverted connections outlive the rules that diverted them: their sockets at
// the listener's end, and the kernel's memory of where they go (conntrack.h).
// Both are looked after here, at the end and at the start. What goes wrong is
// logged, once, and keeps nobody from starting or ending; the end takes four
// seconds at most, the start two.
namespace ginnel::firewall {

// At the end, when nothing is diverted to `listeners`, TCP's and UDP's, any
// more but established connections are still translated: these are reset,
// whoever holds them, so that the applications learn of it; nobody listens any
// more; and the kernel forgets where connections and flows went, so that the
// next one from the same port takes the way that then holds.
void end_diverted(std::span<const UniqueFd> listeners);

// Before the start: makes the kernel forget the TCP connections to what
// `captured` holds that have no socket at this machine's end any more. The
// kernel would take the next one from the same port for a packet of the old
// one, and not look at the rules. What has a socket lives on; so does what
// this machine forwards, whose ends are elsewhere.
void forget_dead(std::span<const Shape> captured);

// After the rules about look-ups to `name_servers` (and, if `to_this_machine`,
// to any address of this machine) have changed: makes the kernel forget the
// flows of UDP to their port 53, diverted or not. Each packet of a flow goes
// where its first one went, and a resolver may ask from one port for long.
// Those that are `kept` are left: what the rules of now have diverted already.
void forget_look_ups(std::span<const IpAddress> name_servers,
                     bool to_this_machine,
                     const std::function<bool(const TrackedConnection&)>& kept);

}  // namespace ginnel::firewall
