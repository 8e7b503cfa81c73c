// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/libssh_session.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "client/transport/libssh_link.h"

namespace ginnel::transport {
namespace {

using asio::experimental::awaitable_operators::operator||;
using Descriptor = asio::posix::stream_descriptor;

// libssh reads 4 KiB a call; after this many (128 KiB) others get a turn.
constexpr int kReadsATurn = 32;

int duplicate(int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw Failure("out of descriptors for the ssh connection");
  return copy;
}

}  // namespace

LibsshSession::LibsshSession(asio::any_io_executor executor, UniqueFd socket)
    : executor_(executor),
      socket_(executor, socket.release()),
      written_(executor, TimePoint::max()) {
  session_ = ssh_new();
  event_ = ssh_event_new();
  if (!session_ || !event_) throw Failure("out of memory");
  // libssh owns the copy once it has connected; closing comes with ssh_free.
  int copy = duplicate(socket_.native_handle());
  int no = 0;
  ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &no);
  ssh_options_set(session_, SSH_OPTIONS_FD, &copy);
  ssh_set_blocking(session_, 0);
}

LibsshSession::~LibsshSession() {
  close();
  ssh_event_free(event_);
  ssh_free(session_);
}

bool LibsshSession::broken() const {
  if (closed_) return true;
  constexpr int kEnded = SSH_CLOSED | SSH_CLOSED_ERROR;
  // Before ssh_connect() a session is neither connected nor ended.
  return (ssh_get_status(session_) & kEnded) != 0;
}

std::string LibsshSession::reason() const {
  if (condemned_) return condemned_;
  if (!reason_.empty()) return reason_;
  std::string text = printable(ssh_get_error(session_));
  // "Received SSH_MSG_DISCONNECT: 2:Too many authentication failures"
  constexpr std::string_view kReceived = "Received SSH_MSG_DISCONNECT: ";
  if (text.starts_with(kReceived)) {
    text.erase(0, text.find(':', kReceived.size()) + 1);
    return concat("the server says: ", text);
  }
  if (text == "Socket error: disconnected") {
    return "the server closed the connection";
  }
  return text.empty() ? "the connection broke" : text;
}

void LibsshSession::throw_broken(const char* doing) const {
  throw Failure(concat(doing, ": ", reason()));
}

void LibsshSession::throw_late(const char* doing) const {
  throw Failure(concat(doing, ": the server did not answer in time"));
}

awaitable<bool> LibsshSession::ready(TimePoint deadline) {
  if (pumping_) co_return co_await changed_.wait(deadline);
  asio::steady_timer timer(executor_, deadline);
  int flags = ssh_get_poll_flags(session_) | ssh_get_status(session_);
  if (flags & SSH_WRITE_PENDING) {
    auto first =
        co_await (socket_.async_wait(Descriptor::wait_read, as_tuple) ||
                  socket_.async_wait(Descriptor::wait_write, as_tuple) ||
                  timer.async_wait(as_tuple));
    co_return first.index() != 2;
  }
  auto first = co_await (socket_.async_wait(Descriptor::wait_read, as_tuple) ||
                         timer.async_wait(as_tuple));
  co_return first.index() != 1;
}

void LibsshSession::start_pumps() {
  ssh_event_add_session(event_, session_);
  pumping_ = true;
  spawn(executor_, "ssh reading", read_pump(shared_from_this()));
  spawn(executor_, "ssh writing", write_pump(shared_from_this()));
}

void LibsshSession::close() {
  if (closed_) return;
  reason_ = reason();
  closed_ = true;
  // Each takes itself out of links_.
  while (!links_.empty()) (*links_.begin())->abandon();
  if (pumping_) ssh_event_remove_session(event_, session_);
  // libssh leaves a descriptor open that it was given.
  UniqueFd copy(ssh_get_fd(session_));
  if (ssh_is_connected(session_))
    ssh_disconnect(session_);
  else
    ssh_silent_disconnect(session_), copy.release();
  socket_.close();
  changed_.notify();
  written_.cancel();
}

bool LibsshSession::has_unsent() const {
  return (ssh_get_status(session_) & SSH_WRITE_PENDING) != 0;
}

// libssh asks for POLLOUT with each write and no more once it has come.
bool LibsshSession::awaits_socket() const {
  return (ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) != 0;
}

void LibsshSession::limit_backlog(std::size_t bytes) {
  int limit = static_cast<int>(std::min<std::size_t>(bytes, 1 << 30));
  if (closed_) return;
  setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &limit,
             sizeof limit);
}

std::size_t LibsshSession::kernel_backlog() const {
  int unsent = 0;
  if (closed_ || ioctl(const_cast<Descriptor&>(socket_).native_handle(),
                       SIOCOUTQNSD, &unsent) != 0) {
    return 0;
  }
  return static_cast<std::size_t>(unsent);
}

void LibsshSession::poll_once() { ssh_event_dopoll(event_, 0); }

bool LibsshSession::handle_input() {
  for (int i = 0; i < kReadsATurn; ++i) {
    if (ssh_event_dopoll(event_, 0) != SSH_OK) return false;
  }
  return true;
}

void LibsshSession::after_io() {
  if (condemned_ && !closed_) {
    log::error("ssh: ", condemned_);
    close();
  }
  if (closed_) return;
  if (awaits_socket()) written_.cancel();
  for (LibsshLink* link : links_) link->look_again();
  changed_.notify();
  // Last, and on a copy: a line's reader may do anything with the links.
  auto self = shared_from_this();
  std::vector<LibsshLink*> talking;
  for (LibsshLink* link : links_) {
    if (link->has_lines()) talking.push_back(link);
  }
  for (LibsshLink* link : talking) {
    if (links_.contains(link)) link->deliver_lines();
  }
}

awaitable<void> LibsshSession::read_pump(std::shared_ptr<LibsshSession> self) {
  while (!self->broken()) {
    co_await self->socket_.async_wait(Descriptor::wait_read, as_tuple);
    bool more = true;
    while (more && !self->closed_) {
      more = self->handle_input();
      self->after_io();
      if (more) co_await asio::post(self->executor_, asio::use_awaitable);
    }
  }
  self->after_io();
}

awaitable<void> LibsshSession::write_pump(std::shared_ptr<LibsshSession> self) {
  while (!self->broken()) {
    if (!self->awaits_socket()) {
      co_await self->written_.async_wait(as_tuple);
      continue;
    }
    co_await self->socket_.async_wait(Descriptor::wait_write, as_tuple);
    if (self->closed_) break;
    self->poll_once();
    self->after_io();
  }
}

}  // namespace ginnel::transport
