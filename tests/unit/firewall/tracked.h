// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firewall/conntrack.h"

// Entries of connection tracking, made by hand.
namespace ginnel::firewall {

// "ADDRESS" and ports: from SOURCE to DESTINATION, answered by ANSWERER.
TrackedConnection tracked(const Endpoint& source, const Endpoint& destination,
                          const Endpoint& answerer);

// The message by which the kernel tells of it; the same with another type
// makes the kernel enter it.
std::vector<std::byte> tracked_message(const TrackedConnection& connection);

// Enters them in this network namespace.
void enter_tracked(const std::vector<TrackedConnection>& connections);

// All TCP connections tracked in this network namespace, sorted:
// "SOURCE > DESTINATION < ANSWERER".
std::vector<std::string> all_tracked();
std::string to_string(const TrackedConnection& connection);

}  // namespace ginnel::firewall
