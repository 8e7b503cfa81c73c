// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/resolver.h"

#include <sys/socket.h>

#include <stdexcept>
#include <utility>

#include "base/bytes.h"
#include "base/random.h"

namespace ginnel {
namespace {

// Lists against advertisements are that long, and no others.
constexpr std::size_t kMaxHostsFile = 8 * 1024 * 1024;

UniqueFd plain_socket(Family family, int type) {
  return UniqueFd(::socket(family == Family::kIpv4 ? AF_INET : AF_INET6,
                           type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

}  // namespace

asio::execution_context::id Resolver::id;

Resolver& Resolver::of(const asio::any_io_executor& executor) {
  return asio::use_service<Resolver>(static_cast<asio::io_context&>(
      asio::query(executor, asio::execution::context)));
}

Resolver::Resolver(asio::io_context& context)
    : service(context),
      servers_("/etc/resolv.conf"),
      hosts_("/etc/hosts", kMaxHostsFile),
      socket_maker_(plain_socket) {}

void Resolver::use(std::string resolv_conf, std::string hosts,
                   std::uint16_t port) {
  servers_ = NameServers(std::move(resolv_conf), port);
  hosts_ = WatchedFile(std::move(hosts), kMaxHostsFile);
}

void Resolver::use(SocketMaker maker) {
  socket_maker_ = maker ? std::move(maker) : plain_socket;
}

std::uint16_t Resolver::random_id() {
  if (unused_random_ < sizeof(std::uint16_t)) {
    // The kernel has none only before it has come up.
    if (auto filled = fill_random(random_); !filled) {
      throw std::runtime_error(filled.error().message());
    }
    unused_random_ = random_.size();
  }
  unused_random_ -= sizeof(std::uint16_t);
  return load_be<std::uint16_t>(random_.data() + unused_random_);
}

}  // namespace ginnel
