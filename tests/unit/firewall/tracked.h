// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

#include "firewall/conntrack.h"

// Entries of connection tracking, made by hand.
namespace ginnel::firewall {

// From SOURCE to DESTINATION, answered by ANSWERER.
TrackedConnection tracked(const Endpoint& source, const Endpoint& destination,
                          const Endpoint& answerer,
                          std::uint8_t protocol = IPPROTO_TCP);

// The message by which the kernel tells of it; the same with another type
// makes the kernel enter it.
std::vector<std::byte> tracked_message(const TrackedConnection& connection);

// Enters them in this network namespace.
void enter_tracked(const std::vector<TrackedConnection>& connections);

// All connections of that protocol tracked in this network namespace, sorted:
// "SOURCE > DESTINATION < ANSWERER".
std::vector<std::string> all_tracked(std::uint8_t protocol = IPPROTO_TCP);
std::string to_string(const TrackedConnection& connection);

}  // namespace ginnel::firewall
