// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/lanes.h"

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/steady_timer.hpp>
#include <asio/system_error.hpp>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "mux/attach_link.h"

namespace ginnel {
namespace {

using asio::experimental::awaitable_operators::operator||;
using transport::Failure;

// From the command's start to the helper's proof. (The channel itself has a
// limit of the transport's.)
constexpr std::chrono::seconds kJoinLimit{20};

void need_random(MutableBytes room) {
  if (Result<void> filled = fill_random(room); !filled) {
    throw Failure(filled.error().message());
  }
}

}  // namespace

std::string attach_command(const mux::Attachable& where) {
  return concat("exec /proc/", where.pid, "/exe --attach ", where.name);
}

std::shared_ptr<Lanes> Lanes::start(asio::any_io_executor executor,
                                    transport::Transport& transport,
                                    mux::Connection& connection) {
  mux::SessionKey key;
  need_random(key.id);
  need_random(key.key);
  connection.session().send_key(key);
  return std::shared_ptr<Lanes>(
      new Lanes(executor, transport, connection, key));
}

Lanes::Lanes(asio::any_io_executor executor, transport::Transport& transport,
             mux::Connection& connection, const mux::SessionKey& key)
    : executor_(executor),
      transport_(transport),
      connection_(connection),
      key_(key) {}

void Lanes::attachable(const mux::Attachable& where) {
  where_ = where;
  if (where.possible()) {
    log::debug("further links can join at ", where.name);
  } else {
    given_up_ = true;
    log::info("the session keeps to one channel: ", printable(where.reason));
  }
}

void Lanes::window_wanted() {
  if (!where_ || opening_ || given_up_ || closed_ ||
      !transport_.multiplexes() || opened_ == kMostOpened ||
      connection_.lanes() >= kMaxLanes) {
    return;
  }
  opening_ = true;
  spawn(executor_, "opening a lane", open_one(shared_from_this()));
}

void Lanes::close() {
  closed_ = true;
  wipe(key_.key);
}

awaitable<void> Lanes::open_one(std::shared_ptr<Lanes> self) {
  std::string command = attach_command(*self->where_);
  try {
    auto link = co_await self->transport_.exec(std::move(command));
    if (!self->closed_) co_await self->join(std::move(link));
  } catch (const Failure& failure) {
    self->give_up(failure.what());
  } catch (const asio::system_error& error) {
    self->give_up(error.what());
  }
  self->opening_ = false;
}

awaitable<void> Lanes::join(std::unique_ptr<mux::Link> link) {
  mux::AttachNonce nonce;
  need_random(nonce);
  mux::AttachClient handshake(key_, mux::AttachRole::kLane, 0,
                              connection_.session().received(), nonce);
  mux::Attached as;
  asio::steady_timer timer(executor_, kJoinLimit);
  auto first = co_await (mux::attach_over(*link, handshake, as) ||
                         timer.async_wait(as_tuple));
  if (closed_) co_return;
  if (first.index() == 1) throw Failure("no answer in 20 seconds");
  if (const Result<void>& shaken = std::get<0>(first); !shaken) {
    throw Failure(shaken.error().message());
  }
  ++opened_;
  connection_.add_lane(std::move(link), handshake.take_rest());
  log::debug("the session has ", connection_.lanes(), " lanes");
}

void Lanes::give_up(std::string_view why) {
  given_up_ = true;
  if (closed_) return;
  log::info("the session goes on with the ", connection_.lanes(),
            connection_.lanes() == 1 ? " channel" : " channels",
            " that it has: ", why);
}

}  // namespace ginnel
