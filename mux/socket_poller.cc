// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/socket_poller.h"

#include <sys/epoll.h>

#include <cerrno>
#include <system_error>

namespace ginnel::mux {
namespace {

int make_set() {
  int set = epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) throw std::system_error(errno, std::generic_category(), "epoll");
  return set;
}

}  // namespace

asio::execution_context::id SocketPoller::id;

SocketPoller& SocketPoller::of(const asio::any_io_executor& executor) {
  return asio::use_service<SocketPoller>(static_cast<asio::io_context&>(
      asio::query(executor, asio::execution::context)));
}

SocketPoller::SocketPoller(asio::io_context& context)
    : service(context), set_(context, make_set()) {}

void SocketPoller::shutdown() {
  std::error_code ignored;
  set_.close(ignored);
}

SocketPoller::Ticket SocketPoller::watch(int fd, Watcher& watcher) {
  if (free_places_.empty()) {
    free_places_.push_back(static_cast<Ticket>(places_.size()));
    places_.emplace_back();
  }
  Ticket ticket = free_places_.back();
  free_places_.pop_back();
  Place& place = places_[ticket];
  place.watcher = &watcher;
  ++place.generation;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET;
  event.data.u64 = std::uint64_t{place.generation} << 32 | ticket;
  if (epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll");
  }
  wait();
  return ticket;
}

void SocketPoller::unwatch(Ticket ticket) {
  places_[ticket].watcher = nullptr;
  free_places_.push_back(ticket);
  // With nothing to watch it keeps no loop running.
  std::error_code ignored;
  if (waiting_ && free_places_.size() == places_.size()) set_.cancel(ignored);
}

void SocketPoller::wait() {
  if (waiting_ || free_places_.size() == places_.size()) return;
  waiting_ = true;
  set_.async_wait(asio::posix::stream_descriptor::wait_read,
                  [this](std::error_code error) {
                    waiting_ = false;
                    if (!error) tell();
                    wait();
                  });
}

void SocketPoller::tell() {
  epoll_event news[kBatch];
  int count = epoll_wait(set_.native_handle(), news, kBatch, 0);
  for (int i = 0; i < count; ++i) {
    Place& place = places_[static_cast<Ticket>(news[i].data.u64)];
    bool current = place.generation == news[i].data.u64 >> 32;
    if (current && place.watcher) place.watcher->ready(news[i].events);
  }
}

}  // namespace ginnel::mux
