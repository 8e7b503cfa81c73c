// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/connection.h"

#include <asio/error.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/multiple_exceptions.hpp>
#include <asio/system_error.hpp>
#include <utility>

namespace ginnel::mux {

Connection::Connection(asio::any_io_executor executor, Session::Role role,
                       Owner& owner, std::unique_ptr<Link> link,
                       std::vector<std::byte> early)
    : owner_(owner),
      link_(std::move(link)),
      early_(std::move(early)),
      output_wake_(executor, TimePoint::max()),
      clock_(executor),
      session_(role, *this, Clock::now()) {}

awaitable<Error> Connection::run() {
  using namespace asio::experimental::awaitable_operators;
  try {
    co_await (read_loop() && write_loop() && time_loop());
  } catch (const asio::multiple_exceptions&) {
    // The first to fail noted why; the others were cancelled for it.
  } catch (const asio::system_error&) {
  }
  link_->close();
  session_.reset_streams();
  if (!failure_) note(Error(asio::error::operation_aborted, "stopped"));
  co_return *failure_;
}

awaitable<void> Connection::read_loop() {
  receive(early_);
  for (;;) {
    Bytes bytes;
    try {
      bytes = co_await link_->read();
    } catch (const asio::system_error& error) {
      fail(Error(error.code(),
                 concat("the link broke: ", error.code().message())));
    }
    if (bytes.empty()) {
      fail(Error(asio::error::eof, "the far end closed the link"));
    }
    receive(bytes);
  }
}

void Connection::receive(Bytes bytes) {
  if (bytes.empty()) return;
  if (auto result = session_.receive(bytes, Clock::now()); !result) {
    say_goodbye(result.error());
    fail(result.error());
  }
  if (session_.next_deadline() < clock_.expiry()) clock_.cancel();
}

awaitable<void> Connection::write_loop() {
  for (;;) {
    while (!output_ready_) co_await output_wake_.async_wait(as_tuple);
    try {
      co_await link_->wait_writable();
      Bytes bytes = session_.output(Clock::now());
      output_ready_ = !bytes.empty();
      std::size_t count = output_ready_ ? link_->write_some(bytes) : 0;
      session_.sent(count, Clock::now());
    } catch (const asio::system_error& error) {
      fail(Error(error.code(),
                 concat("the link broke: ", error.code().message())));
    }
  }
}

awaitable<void> Connection::time_loop() {
  for (;;) {
    clock_.expires_at(session_.next_deadline());
    co_await clock_.async_wait(as_tuple);
    if (auto result = session_.tick(Clock::now()); !result) {
      fail(result.error());
    }
  }
}

// Tells the other end what was wrong, if the link takes it at once.
void Connection::say_goodbye(const Error& why) {
  session_.say_goodbye(why.message());
  try {
    while (!session_.said_goodbye()) {
      Bytes bytes = session_.output(Clock::now());
      std::size_t count = link_->write_some(bytes);
      if (count == 0) return;
      session_.sent(count, Clock::now());
    }
  } catch (const asio::system_error&) {
    // A broken link hears nothing.
  }
}

// Ends all three loops; the first reason is the one that counts.
void Connection::fail(Error why) {
  std::error_code code = why.code();
  note(std::move(why));
  link_->close();
  throw asio::system_error(code);
}

void Connection::note(Error why) {
  if (!failure_) failure_ = std::move(why);
}

void Connection::output_ready() {
  if (output_ready_) return;
  output_ready_ = true;
  output_wake_.cancel();
}

std::shared_ptr<StreamHandler> Connection::open_requested(
    Stream& stream, const Endpoint& target) {
  return owner_.open_requested(stream, target);
}

void Connection::remote_log(log::Level level, std::string_view text) {
  owner_.remote_log(level, text);
}

void Connection::suspicion(bool suspected) { owner_.suspicion(suspected); }

}  // namespace ginnel::mux
