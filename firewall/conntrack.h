// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/net_types.h"
#include "base/result.h"
#include "firewall/netlink.h"

// The kernel's memory of connections, by which it goes on translating a
// diverted connection without looking at the rules again; an entry lives up to
// five days longer than its rule. Then the next connection from the same port
// to the same place takes the old way: to a listener that is gone.
//
// (ctnetlink, by libmnl alone: an entry is read for its two flows only, and is
// named to the kernel by the very attributes it came with, so that
// libnetfilter_conntrack's hundred others are not missed.)
namespace ginnel::firewall {

// Where packets of one direction come from and go to.
struct Flow {
  Endpoint source;
  Endpoint destination;
  bool operator==(const Flow&) const = default;
};

struct TrackedConnection {
  Family family = Family::kIpv4;
  std::uint8_t protocol = 0;  // IPPROTO_TCP, ...
  // As its maker sent the first packet, and as answers are sent.
  Flow original;
  Flow reply;
  // What names it to the kernel: attributes, as the kernel gave them.
  std::vector<std::byte> key;

  // It is answered by somebody else than it was meant for.
  bool diverted() const { return original.destination != reply.source; }
};

// An entry of the kernel's list, header and all. Nothing for one without
// ports, and for a message that is not as it should be.
std::optional<TrackedConnection> parse_tracked(Bytes message);

// The message that makes the kernel forget it.
void add_forgetting(NetlinkMessages& messages,
                    const TrackedConnection& connection);

// At most so many are listed at once, some 10 MB of them.
inline constexpr std::size_t kMaxTracked = 65536;

// The first kMaxTracked connections of that protocol, both families, that are
// `chosen`.
Result<std::vector<TrackedConnection>> list_tracked(
    std::uint8_t protocol,
    const std::function<bool(const TrackedConnection&)>& chosen,
    Deadline deadline);

// How the connection began whose answers flow as `reply` says, which in the
// first packet went the other way; nothing when there is none. `protocol` is
// one with ports.
Result<std::optional<Flow>> find_original(std::uint8_t protocol,
                                          const Flow& reply, Deadline deadline);

// Those that are gone already count as forgotten.
Result<void> forget(std::span<const TrackedConnection> connections,
                    Deadline deadline);

}  // namespace ginnel::firewall
