// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <set>
#include <vector>

#include "base/unique_fd.h"
#include "mux/attach_handshake.h"
#include "mux/link.h"
#include "mux/spawn.h"

namespace ginnel {

// Ends guessing: after kMost failures within kSpan nothing is let in for
// kSpan. (pure)
class FailureLimit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMost = 10;
  static constexpr auto kSpan = std::chrono::minutes(1);

  void failed(TimePoint now);
  bool closed(TimePoint now) const { return now < closed_until_; }

 private:
  std::deque<TimePoint> failures_;
  TimePoint closed_until_{};
};

// Takes further links into the helper's session: accepts attach processes
// (helper/attach_socket.h), takes their streams, runs the handshake on them
// (mux/attach_handshake.h) and gives its owner each link that proved itself.
// Such a link keeps its attach process running, and ends it when it is closed.
//
// At most kMaxPending links are not yet proved; each has kLimit. Other users'
// processes, which an abstract name does not keep out, are turned away, and
// cost no more than sixteen of them every tenth of a second do.
//
// Held by shared_ptr: links that are being admitted end after close().
class AttachListener : public std::enable_shared_from_this<AttachListener> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // mux::AttachHelper::Admit.
    virtual Result<mux::Position> may_attach(const mux::Attach& attach) = 0;
    // The link has proved itself; `early` is what was read from it behind the
    // handshake.
    virtual void attached(const mux::Attached& as,
                          std::unique_ptr<mux::Link> link,
                          std::vector<std::byte> early) = 0;
  };
  static constexpr std::size_t kMaxPending = 16;
  static constexpr auto kLimit = std::chrono::seconds(10);

  // Listens under a random name, or says why that cannot be. `owner` outlives
  // close(), after which it is told nothing more. A link has `limit` to prove
  // itself.
  static Result<std::shared_ptr<AttachListener>> open(
      asio::any_io_executor executor, const mux::SessionKey& key, Owner& owner,
      std::chrono::milliseconds limit = kLimit);

  // For the client.
  mux::Attachable where() const;
  // Runs until close().
  static awaitable<void> run(std::shared_ptr<AttachListener> self);
  void close();

 private:
  class Guest;

  AttachListener(asio::any_io_executor executor, const mux::SessionKey& key,
                 Owner& owner, std::chrono::milliseconds limit,
                 std::string name, UniqueFd socket);

  bool accept_waiting();
  void begin(UniqueFd socket);
  static awaitable<void> admit(std::shared_ptr<AttachListener> self,
                               UniqueFd socket);
  awaitable<void> take_link(Guest& guest);
  awaitable<void> prove(Guest& guest);
  Result<mux::Position> may_attach(const mux::Attach& attach);
  void refused(const Error& why);

  asio::any_io_executor executor_;
  mux::SessionKey key_;
  Owner& owner_;
  std::chrono::milliseconds limit_;
  std::string name_;
  asio::posix::stream_descriptor socket_;
  asio::steady_timer pause_;
  FailureLimit failures_;
  std::set<Guest*> guests_;
};

}  // namespace ginnel
