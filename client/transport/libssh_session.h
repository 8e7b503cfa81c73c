// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <set>
#include <string>

#include "base/unique_fd.h"
#include "client/transport/transport.h"
#include "client/transport/wakeup.h"

namespace ginnel::transport {

class LibsshLink;

// One libssh session on a connected socket of ours, driven without blocking.
//
// libssh gets a duplicate of the socket: it closes its descriptor on its own
// when the connection breaks, and asio must never watch a number that someone
// else may have been given meanwhile.
//
// Until start_pumps(), who calls libssh waits for the socket itself, in step().
// From then on two coroutines drive the session, one for reading and one that
// waits for the socket to take bytes, and everyone else waits to be told that
// something changed. Every call into libssh may take in bytes for anyone, so
// each is followed by after_io().
//
// Held by shared_ptr: the pumps, the links and the transport end at unknown
// times. close() ends the session for all of them.
class LibsshSession : public std::enable_shared_from_this<LibsshSession> {
 public:
  using TimePoint = Wakeup::TimePoint;

  // Throws Failure when libssh cannot be set up.
  LibsshSession(asio::any_io_executor executor, UniqueFd socket);
  LibsshSession(const LibsshSession&) = delete;
  LibsshSession& operator=(const LibsshSession&) = delete;
  ~LibsshSession();

  ssh_session raw() const { return session_; }
  const asio::any_io_executor& executor() const { return executor_; }

  // Calls `call`, a libssh function that returns `again` for "not yet", until
  // it returns something else. Throws Failure when the connection breaks or
  // `deadline` comes first; `doing` says what was being done: "logging in".
  template <typename Call>
  awaitable<int> step(Call& call, int again, TimePoint deadline,
                      const char* doing) {
    for (;;) {
      int answer = closed_ ? again : call();
      if (pumping_) after_io();
      if (!closed_ && answer != again && !is_lost(answer, again)) {
        co_return answer;
      }
      if (broken()) throw_broken(doing);
      bool in_time = co_await ready(deadline);
      if (!in_time) throw_late(doing);
    }
  }

  void start_pumps();
  // Says goodbye to the server, ends all links and all waits. Twice is once.
  void close();
  // From within a call of libssh's: closes once it has returned. `reason` is a
  // literal.
  void condemn(const char* reason) { condemned_ = reason; }
  bool condemned() const { return condemned_ != nullptr; }

  bool closed() const { return closed_; }
  // The connection has ended, for whatever reason.
  bool broken() const;
  // Why, in libssh's or the server's words.
  std::string reason() const;

  // Tells everyone concerned that libssh may have taken in or sent something.
  void after_io();
  // Lets libssh see that the socket takes bytes again, and handles what came.
  void poll_once();
  // libssh holds bytes that the socket has not taken.
  bool has_unsent() const;
  // libssh has not seen the socket take bytes since it last wrote: what it is
  // given now would stay in its own buffer.
  bool awaits_socket() const;
  // Keeps what the kernel has not sent yet to about `bytes`: the socket takes
  // bytes when it is below half of that.
  void limit_backlog(std::size_t bytes);
  // Bytes the kernel has not sent yet.
  std::size_t kernel_backlog() const;

  void attach(LibsshLink* link) { links_.insert(link); }
  void detach(LibsshLink* link) { links_.erase(link); }

 private:
  // A libssh call may report success of a sort after the connection broke.
  bool is_lost(int answer, int again) const {
    return answer < 0 && answer != again && broken();
  }
  awaitable<bool> ready(TimePoint deadline);
  // Handles what the socket has; true if there may be more.
  bool handle_input();
  [[noreturn]] void throw_broken(const char* doing) const;
  [[noreturn]] void throw_late(const char* doing) const;

  static awaitable<void> read_pump(std::shared_ptr<LibsshSession> self);
  static awaitable<void> write_pump(std::shared_ptr<LibsshSession> self);

  asio::any_io_executor executor_;
  asio::posix::stream_descriptor socket_;
  ssh_session session_ = nullptr;
  ssh_event event_ = nullptr;
  std::set<LibsshLink*> links_;
  Wakeup changed_;  // for step()
  // For the write pump; it expires never and is cancelled to wake it.
  asio::steady_timer written_;
  bool pumping_ = false;
  bool closed_ = false;
  const char* condemned_ = nullptr;
  std::string reason_;
};

}  // namespace ginnel::transport
