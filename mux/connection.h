// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mux/link.h"
#include "mux/session.h"
#include "mux/spawn.h"

namespace ginnel::mux {

// Runs a Session over its lanes, each a Link: for every lane one coroutine
// reads and one writes; one keeps time.
//
// The client writes over the first lane that can take something, so that a
// later lane carries only what those before it have no window for. The helper
// writes over its first lane: how wide the way back is, the client's end of
// the channel decides.
class Connection : private Session::Events {
 public:
  // What the owner of a connection is asked and told; see Session::Events.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual std::shared_ptr<StreamHandler> open_requested(
        Stream& stream, const Target& target) = 0;
    virtual void remote_log(log::Level level, std::string_view text) = 0;
    virtual void key_received(const SessionKey&) {}
    virtual void attachable(const Attachable&) {}
    virtual void suspicion(bool suspected) = 0;
    // More could be on its way than the lanes' windows hold. Said again and
    // again while it is so.
    virtual void window_wanted() {}
  };

  // `early` is what was read from the link before it was given here.
  Connection(asio::any_io_executor executor, Session::Role role, Owner& owner,
             std::unique_ptr<Link> link, std::vector<std::byte> early);

  // Serves until the last lane ends or the other end breaks the protocol, then
  // resets every stream and returns why. When the other end broke the protocol
  // it is told so. Once.
  awaitable<Error> run();
  // A further link to the same other end, which knows it too. False, and the
  // link is gone, when the connection has ended or has Session::kMaxLanes.
  bool add_lane(std::unique_ptr<Link> link, std::vector<std::byte> early);

  Session& session() { return session_; }
  std::size_t lanes() const { return lanes_.size(); }

 private:
  struct Lane {
    Lane(asio::any_io_executor executor, Session::LaneId which,
         std::unique_ptr<Link> carrier, std::vector<std::byte> first)
        : id(which),
          link(std::move(carrier)),
          early(std::move(first)),
          wake(executor, TimePoint::max()) {}
    Session::LaneId id;
    std::unique_ptr<Link> link;
    std::vector<std::byte> early;
    asio::steady_timer wake;  // of its write loop; expires never
    bool blocked = false;     // it waits for the link
    std::optional<Error> ending;
  };

  awaitable<void> serve(Lane& lane);
  awaitable<void> read_loop(Lane& lane);
  awaitable<void> write_loop(Lane& lane);
  awaitable<void> time_loop();
  void receive(Lane& lane, Bytes bytes);
  std::size_t write(Lane& lane);
  bool has_turn(const Lane& lane) const;
  std::size_t room_for(const Lane& lane) const;
  void wake_writers();
  void lane_ended(Lane& lane);
  void adjust_to_limits();
  [[noreturn]] void fail(Lane& lane, Error why);
  void end(Error why);
  void say_goodbye(Lane& lane, const Error& why);

  void output_ready() override;
  std::shared_ptr<StreamHandler> open_requested(Stream& stream,
                                                const Target& target) override;
  void remote_log(log::Level level, std::string_view text) override;
  void key_received(const SessionKey& key) override;
  void attachable(const Attachable& where) override;
  void suspicion(bool suspected) override;

  asio::any_io_executor executor_;
  const Session::Role role_;
  Owner& owner_;
  std::list<Lane> lanes_;
  asio::steady_timer clock_;
  asio::steady_timer all_ended_;  // expires never; cancelled by the last lane
  bool output_ready_ = true;
  std::size_t backlog_limit_ = 0;  // what the links were told
  std::optional<TimePoint> short_of_window_since_;
  std::optional<Error> failure_;
  Session session_;
};

}  // namespace ginnel::mux
