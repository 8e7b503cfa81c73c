// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/dial.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/log.h"
#include "base/strings.h"

namespace ginnel::transport {
namespace {

using asio::experimental::awaitable_operators::operator||;

// A server with a thousand addresses gets no thousand attempts.
constexpr std::size_t kMaxAddresses = 16;
constexpr std::chrono::seconds kConnectLimit{10};

// The socket is not writable while the kernel holds more than this unsent: the
// mux wants its bytes late, and the kernel would buffer megabytes.
constexpr int kMaxUnsent = 128 << 10;

// One address with its IPv6 zone, which an Endpoint does not have.
struct Candidate {
  sockaddr_storage storage{};
  socklen_t size = 0;
  Endpoint endpoint;
};

std::vector<Candidate> look_up(const std::string& host, std::uint16_t port,
                               const std::string& address_family) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = address_family == "inet"    ? AF_INET
                    : address_family == "inet6" ? AF_INET6
                                                : AF_UNSPEC;
  addrinfo* found = nullptr;
  int error =
      getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    throw Failure(concat(
        "cannot resolve ", printable(host), ": ",
        error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error)));
  }
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::vector<Candidate> candidates;
  for (; found && candidates.size() < kMaxAddresses; found = found->ai_next) {
    Candidate candidate;
    candidate.size = found->ai_addrlen;
    std::memcpy(&candidate.storage, found->ai_addr, found->ai_addrlen);
    SocketAddress address;
    address.storage = candidate.storage;
    address.size = candidate.size;
    auto endpoint = address.endpoint();
    if (!endpoint) continue;
    candidate.endpoint = *endpoint;
    candidates.push_back(candidate);
  }
  return candidates;
}

void prepare(int fd) {
  int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kMaxUnsent,
             sizeof kMaxUnsent);
}

int socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

// 0, or the errno of the failure.
awaitable<int> connect_one(int fd, Candidate candidate,
                           std::chrono::seconds limit) {
  auto* address = reinterpret_cast<const sockaddr*>(&candidate.storage);
  if (connect(fd, address, candidate.size) == 0) co_return 0;
  if (errno != EINPROGRESS) co_return errno;
  auto executor = co_await asio::this_coro::executor;
  asio::posix::stream_descriptor watch(executor, fd);
  asio::steady_timer timer(executor, limit);
  auto first = co_await (
      watch.async_wait(asio::posix::stream_descriptor::wait_write, as_tuple) ||
      timer.async_wait(as_tuple));
  watch.release();
  co_return first.index() == 0 ? socket_error(fd) : ETIMEDOUT;
}

}  // namespace

std::vector<Endpoint> resolve_host(const std::string& host, std::uint16_t port,
                                   const std::string& address_family) {
  std::vector<Endpoint> endpoints;
  for (const Candidate& candidate : look_up(host, port, address_family)) {
    endpoints.push_back(candidate.endpoint);
  }
  return endpoints;
}

awaitable<Dialed> dial(SshConfig config, SocketFactory make_socket) {
  const std::string host = config.hostname();
  auto limit = config.connect_timeout().value_or(kConnectLimit);
  std::string failures;
  auto candidates = look_up(host, config.port(), config.value("addressfamily"));
  for (const Candidate& candidate : candidates) {
    auto socket = make_socket(candidate.endpoint.address.family());
    if (!socket) throw Failure(socket.error().message());
    prepare(socket->get());
    int error = co_await connect_one(socket->get(), candidate, limit);
    if (error == 0) {
      Dialed dialed;
      dialed.socket = std::move(*socket);
      dialed.peer = candidate.endpoint;
      co_return dialed;
    }
    failures += concat(failures.empty() ? "" : ", ", candidate.endpoint, " ",
                       std::strerror(error));
    log::debug("ssh: ", candidate.endpoint, ": ", std::strerror(error));
  }
  throw Failure(concat("cannot connect to ", printable(host), " port ",
                       config.port(), ": ",
                       failures.empty() ? "it has no address" : failures));
}

Result<UniqueFd> plain_socket(Family family) {
  int domain = family == Family::kIpv4 ? AF_INET : AF_INET6;
  UniqueFd fd(socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "socket");
  return fd;
}

}  // namespace ginnel::transport
