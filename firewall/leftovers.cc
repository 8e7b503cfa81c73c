// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/leftovers.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/strings.h"
#include "firewall/conntrack.h"
#include "firewall/tcp_sockets.h"

namespace ginnel::firewall {
namespace {

// For each of the two steps of the end, and for the start, and after changes.
// Somebody waits: ginnel, five seconds for the end. 30 000 entries take some
// 0.3 s.
constexpr auto kLimit = std::chrono::seconds(2);

constexpr std::uint16_t kDnsPort = 53;

Deadline deadline_from_now() {
  return std::chrono::steady_clock::now() + kLimit;
}

// Of sockets of that type: SOCK_STREAM, SOCK_DGRAM.
std::vector<Endpoint> endpoints_of(std::span<const UniqueFd> listeners,
                                   int wanted) {
  std::vector<Endpoint> endpoints;
  for (const UniqueFd& listener : listeners) {
    int type = 0;
    socklen_t size = sizeof type;
    ::getsockopt(listener.get(), SOL_SOCKET, SO_TYPE, &type, &size);
    SocketAddress address;
    if (type != wanted ||
        ::getsockname(listener.get(), address.get(), &address.size) < 0) {
      continue;
    }
    if (auto endpoint = address.endpoint()) endpoints.push_back(*endpoint);
  }
  return endpoints;
}

// Whether a connection that `local` is one end of was made to the listener.
bool is_at(const Endpoint& listener, const Endpoint& local) {
  return listener.port == local.port &&
         listener.address.family() == local.address.family() &&
         (listener.address.is_any() || listener.address == local.address);
}

bool is_at_any(std::span<const Endpoint> listeners, const Endpoint& local) {
  return std::any_of(
      listeners.begin(), listeners.end(),
      [&](const Endpoint& listener) { return is_at(listener, local); });
}

Result<std::vector<TcpSocket>> connections_at(
    std::span<const Endpoint> listeners, Deadline deadline) {
  std::vector<TcpSocket> found;
  for (const Endpoint& listener : listeners) {
    auto keep = [&](const TcpSocket& socket) {
      if (is_at(listener, socket.local)) found.push_back(socket);
    };
    Result<void> listed =
        list_tcp_sockets(Which::kOpen, listener.port, keep, deadline);
    if (!listed) return listed.error();
  }
  return found;
}

// Until there are none. A kernel that cannot do it leaves it to ginnel, which
// resets its own when it finds the firewall gone.
Result<void> reset_connections(std::span<const Endpoint> listeners,
                               Deadline deadline) {
  for (;;) {
    auto open = connections_at(listeners, deadline);
    if (!open) return open.error();
    if (open->empty()) return {};
    Result<void> reset = reset_tcp_sockets(*open, deadline);
    if (reset) continue;
    if (std::chrono::steady_clock::now() >= deadline) return reset;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// All that are `chosen`, however many.
Result<void> forget_all(
    std::uint8_t protocol,
    const std::function<bool(const TrackedConnection&)>& chosen,
    Deadline deadline) {
  for (;;) {
    auto found = list_tracked(protocol, chosen, deadline);
    if (!found) return found.error();
    Result<void> forgotten = forget(*found, deadline);
    if (!forgotten || found->size() < kMaxTracked) return forgotten;
  }
}

Result<void> forget_diverted(std::uint8_t protocol,
                             std::span<const Endpoint> listeners,
                             Deadline deadline) {
  if (listeners.empty()) return {};
  auto chosen = [&](const TrackedConnection& each) {
    return each.diverted() && is_at_any(listeners, each.reply.source);
  };
  return forget_all(protocol, chosen, deadline);
}

Result<std::set<IpAddress>> own_addresses() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) < 0) {
    return Error::from_errno(errno, "list this machine's addresses");
  }
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, ::freeifaddrs);
  std::set<IpAddress> addresses;
  for (const ifaddrs* each = first; each; each = each->ifa_next) {
    if (!each->ifa_addr) continue;
    int family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    SocketAddress address;
    std::memcpy(&address.storage, each->ifa_addr,
                family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    if (auto endpoint = address.endpoint()) addresses.insert(endpoint->address);
  }
  return addresses;
}

// Local and remote end, as a socket has them.
using Ends = std::pair<Endpoint, Endpoint>;

// The ends of the socket that a connection must have if it is alive: the
// listener's, of one that was diverted to this machine; else that of its
// maker. Nothing when that socket is not on this machine.
std::optional<Ends> ends_here(const TrackedConnection& connection,
                              const std::set<IpAddress>& own) {
  const Flow& flow =
      connection.diverted() ? connection.reply : connection.original;
  const IpAddress& address = flow.source.address;
  if (!address.is_loopback() && !own.contains(address)) return std::nullopt;
  return Ends(flow.source, flow.destination);
}

Result<void> try_forget_dead(std::span<const Shape> captured,
                             Deadline deadline) {
  Result<std::set<IpAddress>> own = own_addresses();
  if (!own) return own.error();
  auto tracked = list_tracked(
      IPPROTO_TCP,
      [&](const TrackedConnection& each) {
        return is_captured(captured, each.original.destination) &&
               ends_here(each, *own);
      },
      deadline);
  if (!tracked) return tracked.error();
  std::map<Ends, TrackedConnection> dead;
  for (TrackedConnection& each : *tracked) {
    Ends ends = *ends_here(each, *own);
    dead.emplace(std::move(ends), std::move(each));
  }
  if (dead.empty()) return {};
  // After the entries: one that was made in between has its socket by now.
  auto spare = [&](const TcpSocket& socket) {
    dead.erase(Ends(socket.local, socket.remote));
  };
  Result<void> listed = list_tcp_sockets(Which::kAll, 0, spare, deadline);
  if (!listed) return listed;
  std::vector<TrackedConnection> doomed;
  for (auto& [ends, each] : dead) doomed.push_back(std::move(each));
  return forget(doomed, deadline);
}

}  // namespace

void end_diverted(std::span<const UniqueFd> listeners) {
  std::vector<Endpoint> tcp = endpoints_of(listeners, SOCK_STREAM);
  std::vector<Endpoint> udp = endpoints_of(listeners, SOCK_DGRAM);
  Result<void> reset = reset_connections(tcp, deadline_from_now());
  // Resets what was about to be accepted, too.
  for (const UniqueFd& each : listeners) ::shutdown(each.get(), SHUT_RDWR);
  Deadline deadline = deadline_from_now();
  Result<void> forgotten = forget_diverted(IPPROTO_TCP, tcp, deadline);
  Result<void> flows = forget_diverted(IPPROTO_UDP, udp, deadline);
  if (forgotten) forgotten = flows;
  if (!reset) log::warning("at the end: ", reset.error().message());
  if (!forgotten) log::warning("at the end: ", forgotten.error().message());
}

void forget_look_ups(
    std::span<const IpAddress> name_servers, bool to_this_machine,
    const std::function<bool(const TrackedConnection&)>& kept) {
  std::set<IpAddress> servers(name_servers.begin(), name_servers.end());
  if (to_this_machine) {
    Result<std::set<IpAddress>> own = own_addresses();
    if (own) servers.merge(*own);
  }
  if (servers.empty()) return;
  auto is_server = [&](const Endpoint& endpoint) {
    return endpoint.port == kDnsPort && servers.contains(endpoint.address);
  };
  // An answer that came after its flow was forgotten makes one, too.
  auto chosen = [&](const TrackedConnection& each) {
    return (is_server(each.original.destination) ||
            is_server(each.original.source)) &&
           !kept(each);
  };
  Result<void> forgotten = forget_all(IPPROTO_UDP, chosen, deadline_from_now());
  if (!forgotten) {
    log::warning("look-ups that were on their way may go on going there: ",
                 forgotten.error().message());
  }
}

void forget_dead(std::span<const Shape> captured) {
  Result<void> forgotten = try_forget_dead(captured, deadline_from_now());
  if (!forgotten) {
    log::warning("before the start: ", forgotten.error().message());
  }
}

}  // namespace ginnel::firewall
