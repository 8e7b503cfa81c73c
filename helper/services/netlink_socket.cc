// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/services/netlink_socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/unique_fd.h"

namespace ginnel {
namespace {

// The kernel fills datagrams of up to 32 KiB when the reader has room for them.
constexpr std::size_t kRoom = 32 * 1024;

// Read from a ringing bell before others have a turn.
constexpr int kMaxDrained = 4096;

Result<asio::posix::stream_descriptor> open_socket(
    const asio::any_io_executor& executor, unsigned groups) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                       NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address),
                    sizeof address) != 0) {
    return Error::from_errno(errno, "open a route netlink socket");
  }
  // A kernel that does not know it ignores filters, and lists more.
  int on = 1;
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  return asio::posix::stream_descriptor(executor, fd.release());
}

}  // namespace

awaitable<Result<netlink::DumpProgress>> netlink_dump(
    asio::any_io_executor executor, std::vector<std::byte> request,
    std::function<void(const netlink::Message&)> each) {
  auto socket = open_socket(executor, 0);
  if (!socket) co_return socket.error();
  if (::send(socket->native_handle(), request.data(), request.size(), 0) < 0) {
    co_return Error::from_errno(errno, "ask the kernel for a list");
  }
  std::vector<std::byte> room(kRoom);
  netlink::DumpProgress whole;
  while (!whole.done) {
    auto [error] = co_await socket->async_wait(
        asio::posix::stream_descriptor::wait_read, as_tuple);
    if (error) co_return Error(error, "wait for the kernel's list");
    ssize_t size =
        ::recv(socket->native_handle(), room.data(), room.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) continue;
    if (size < 0) co_return Error::from_errno(errno, "read the kernel's list");
    Bytes datagram(room.data(), static_cast<std::size_t>(size));
    auto progress = netlink::read_dump(datagram, kDumpSequence, each);
    if (!progress) co_return progress.error();
    whole.done = progress->done;
    whole.interrupted |= progress->interrupted;
  }
  co_return whole;
}

Result<NetlinkBell> NetlinkBell::open(asio::any_io_executor executor,
                                      unsigned groups) {
  auto socket = open_socket(executor, groups);
  if (!socket) return socket.error();
  return NetlinkBell(*std::move(socket));
}

awaitable<bool> NetlinkBell::wait() {
  if (!socket_.is_open()) co_return false;
  auto [error] = co_await socket_.async_wait(
      asio::posix::stream_descriptor::wait_read, as_tuple);
  co_return !error;
}

void NetlinkBell::silence() {
  std::array<std::byte, 64> head;  // of a message, whose rest is thrown away
  for (int i = 0; i < kMaxDrained; ++i) {
    ssize_t size = ::recv(socket_.native_handle(), head.data(), head.size(),
                          MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && errno != ENOBUFS) return;
  }
}

void NetlinkBell::close() {
  std::error_code ignored;
  socket_.close(ignored);
}

}  // namespace ginnel
