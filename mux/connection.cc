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

void Connection::stop(std::string reason) {
  if (stopping_) return;
  stopping_ = true;
  session_.say_goodbye(reason);
  clock_.cancel();
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
    fail(result.error());
  }
  if (session_.next_deadline() < clock_.expiry()) clock_.cancel();
}

awaitable<void> Connection::write_loop() {
  for (;;) {
    while (!output_ready_) co_await output_wake_.async_wait(as_tuple);
    try {
      co_await link_->wait_writable();
      if (session_.said_goodbye()) break;
      Bytes bytes = session_.output(Clock::now());
      output_ready_ = !bytes.empty();
      std::size_t count = output_ready_ ? link_->write_some(bytes) : 0;
      session_.sent(count, Clock::now());
    } catch (const asio::system_error& error) {
      fail(Error(error.code(),
                 concat("the link broke: ", error.code().message())));
    }
  }
  link_->finish_writing();
  fail(Error(asio::error::operation_aborted, "stopped"));
}

awaitable<void> Connection::time_loop() {
  // Goodbye waits for a link that takes nothing no longer than this.
  constexpr auto kLastWords = std::chrono::seconds(1);
  while (!stopping_) {
    clock_.expires_at(session_.next_deadline());
    co_await clock_.async_wait(as_tuple);
    if (auto result = session_.tick(Clock::now()); !result) {
      fail(result.error());
    }
  }
  clock_.expires_after(kLastWords);
  co_await clock_.async_wait(asio::use_awaitable);
  fail(Error(asio::error::timed_out, "stopped"));
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
