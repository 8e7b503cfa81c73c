// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/connection.h"

#include <asio/error.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/multiple_exceptions.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <asio/this_coro.hpp>
#include <utility>

namespace ginnel::mux {
namespace {

// After so many bytes everyone else gets a turn.
constexpr std::size_t kWriteTurn = 256 * 1024;
// Round trips for which the limit stays above the lanes' windows before it is
// taken seriously.
constexpr int kShortOfWindow = 3;

}  // namespace

Connection::Connection(asio::any_io_executor executor, Session::Role role,
                       Owner& owner, std::unique_ptr<Link> link,
                       std::vector<std::byte> early)
    : executor_(executor),
      role_(role),
      owner_(owner),
      clock_(executor),
      all_ended_(executor, TimePoint::max()),
      session_(role, *this, Clock::now()) {
  lanes_.emplace_back(executor, 0, std::move(link), std::move(early));
}

awaitable<Error> Connection::run() {
  spawn(executor_, "lane 0", serve(lanes_.front()));
  try {
    co_await time_loop();
  } catch (const asio::system_error&) {
    // Cancelled.
  }
  if (!failure_) end(Error(asio::error::operation_aborted, "stopped"));
  session_.reset_streams();
  co_await asio::this_coro::reset_cancellation_state();
  while (!lanes_.empty()) co_await all_ended_.async_wait(as_tuple);
  co_return *failure_;
}

bool Connection::add_lane(std::unique_ptr<Link> link,
                          std::vector<std::byte> early) {
  if (failure_) return false;
  std::optional<Session::LaneId> id = session_.add_lane();
  if (!id) return false;
  if (backlog_limit_ > 0) link->limit_backlog(backlog_limit_);
  Lane& lane =
      lanes_.emplace_back(executor_, *id, std::move(link), std::move(early));
  spawn(executor_, concat("lane ", *id), serve(lane));
  short_of_window_since_.reset();
  return true;
}

awaitable<void> Connection::serve(Lane& lane) {
  using namespace asio::experimental::awaitable_operators;
  try {
    co_await (read_loop(lane) && write_loop(lane));
  } catch (const asio::multiple_exceptions&) {
    // The first to fail noted why; the other was cancelled for it.
  } catch (const asio::system_error&) {
  }
  lane_ended(lane);
}

awaitable<void> Connection::read_loop(Lane& lane) {
  receive(lane, lane.early);
  for (;;) {
    Bytes bytes;
    try {
      bytes = co_await lane.link->read();
    } catch (const asio::system_error& error) {
      fail(lane, Error(error.code(),
                       concat("the link broke: ", error.code().message())));
    }
    if (bytes.empty()) {
      fail(lane, Error(asio::error::eof, "the far end closed the link"));
    }
    receive(lane, bytes);
  }
}

void Connection::receive(Lane& lane, Bytes bytes) {
  if (bytes.empty()) return;
  if (auto result = session_.receive(bytes, Clock::now(), lane.id); !result) {
    say_goodbye(lane, result.error());
    end(result.error());
    fail(lane, result.error());
  }
  adjust_to_limits();
  if (session_.next_deadline() < clock_.expiry()) clock_.cancel();
}

awaitable<void> Connection::write_loop(Lane& lane) {
  std::size_t written = 0;
  for (;;) {
    try {
      if (!has_turn(lane)) {
        written = 0;
        co_await lane.wake.async_wait(as_tuple);
      } else if (!lane.link->writable(room_for(lane))) {
        written = 0;
        lane.blocked = true;
        wake_writers();
        co_await lane.link->wait_writable(room_for(lane));
        lane.blocked = false;
      } else if (written >= kWriteTurn) {
        written = 0;
        co_await asio::post(executor_, asio::use_awaitable);
      } else {
        written += write(lane);
      }
    } catch (const asio::system_error& error) {
      fail(lane, Error(error.code(),
                       concat("the link broke: ", error.code().message())));
    }
  }
}

// What a lane begins it should be able to finish: frames that wait half sent
// for a window hold up all that goes over the others.
std::size_t Connection::room_for(const Lane& lane) const {
  return session_.is_mid_run(lane.id) ? 1 : Session::kBatch + kMaxFrame;
}

// Gives the link what comes next, chosen now.
std::size_t Connection::write(Lane& lane) {
  TimePoint now = Clock::now();
  Bytes bytes = session_.output(now, lane.id);
  if (bytes.empty()) {
    output_ready_ = false;
    return 0;
  }
  std::size_t count = lane.link->write_some(bytes);
  // The time before: whoever is interrupted here would see a round trip that
  // is shorter than the way, and keep to it.
  session_.sent(count, now, lane.id);
  return count;
}

bool Connection::has_turn(const Lane& lane) const {
  if (session_.is_mid_run(lane.id)) return true;
  if (!output_ready_) return false;
  for (const Lane& other : lanes_) {
    if (&other == &lane) return true;
    if (role_ == Session::Role::kHelper || !other.blocked) return false;
  }
  return false;
}

void Connection::wake_writers() {
  for (Lane& lane : lanes_) {
    if (!lane.blocked) lane.wake.cancel();
  }
}

awaitable<void> Connection::time_loop() {
  while (!failure_) {
    clock_.expires_at(session_.next_deadline());
    co_await clock_.async_wait(as_tuple);
    if (failure_) break;
    if (auto result = session_.tick(Clock::now()); !result) {
      end(result.error());
    }
  }
}

// Its two loops have ended.
void Connection::lane_ended(Lane& lane) {
  lane.link->close();
  Error why = lane.ending.value_or(
      Error(asio::error::operation_aborted, "the link was closed"));
  if (!failure_ && !session_.remove_lane(lane.id)) end(std::move(why));
  lanes_.remove_if([&](const Lane& other) { return &other == &lane; });
  wake_writers();
  if (lanes_.empty()) all_ended_.cancel();
}

// The links are told how much they may hold when that has changed by a quarter,
// and the owner when they cannot hold what may be on its way.
void Connection::adjust_to_limits() {
  const InFlight& in_flight = session_.in_flight();
  std::size_t backlog = in_flight.backlog_limit();
  if (backlog < backlog_limit_ - backlog_limit_ / 4 ||
      backlog > backlog_limit_ + backlog_limit_ / 4) {
    backlog_limit_ = backlog;
    for (Lane& lane : lanes_) lane.link->limit_backlog(backlog);
  }
  std::size_t windows = 0;
  for (const Lane& lane : lanes_) {
    std::size_t window = lane.link->window();
    windows = window > SIZE_MAX - windows ? SIZE_MAX : windows + window;
  }
  // On a short way the limit is mostly queue, for which there is no hurry.
  std::chrono::duration<double> way = in_flight.least_rtt();
  bool long_way =
      2 * in_flight.rate() * way.count() > static_cast<double>(windows);
  if (in_flight.limit() <= windows || !long_way) {
    short_of_window_since_.reset();
    return;
  }
  TimePoint now = Clock::now();
  if (!short_of_window_since_) short_of_window_since_ = now;
  if (now - *short_of_window_since_ >=
      kShortOfWindow * in_flight.smoothed_rtt()) {
    owner_.window_wanted();
  }
}

// Tells the other end what was wrong, if the lane takes it at once.
void Connection::say_goodbye(Lane& lane, const Error& why) {
  session_.say_goodbye(why.message());
  try {
    while (!session_.said_goodbye()) {
      if (write(lane) == 0) return;
    }
  } catch (const asio::system_error&) {
    // A broken link hears nothing.
  }
}

// Ends the lane's loops; the first reason is the one that counts.
void Connection::fail(Lane& lane, Error why) {
  std::error_code code = why.code();
  if (!lane.ending) lane.ending = std::move(why);
  lane.link->close();
  throw asio::system_error(code);
}

// Ends everything; the first reason is the one that counts.
void Connection::end(Error why) {
  if (failure_) return;
  failure_ = std::move(why);
  for (Lane& lane : lanes_) {
    lane.link->close();
    lane.blocked = false;
  }
  clock_.cancel();
}

void Connection::output_ready() {
  if (output_ready_) return;
  output_ready_ = true;
  wake_writers();
}

std::shared_ptr<StreamHandler> Connection::open_requested(
    Stream& stream, const Target& target) {
  return owner_.open_requested(stream, target);
}

void Connection::remote_log(log::Level level, std::string_view text) {
  owner_.remote_log(level, text);
}

void Connection::key_received(const SessionKey& key) {
  owner_.key_received(key);
}

void Connection::attachable(const Attachable& where) {
  owner_.attachable(where);
}

void Connection::suspicion(bool suspected) { owner_.suspicion(suspected); }

}  // namespace ginnel::mux
