// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/ssh_child.h"

#include <signal.h>

#include <array>
#include <asio/buffer.hpp>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace ginnel::transport {
namespace {

constexpr std::chrono::milliseconds kExitLimit{2000};
// There is no SIGCHLD handler (the program that uses us has its own children):
// an end that is expected is looked for this often.
constexpr std::chrono::milliseconds kLookInterval{5};
// How long the last words may take after the exit; a ProxyCommand or a control
// master that still holds stderr is not waited for.
constexpr std::chrono::milliseconds kLastWords{100};
// Lines are held back this long, and this many, before the sink is told.
constexpr std::chrono::milliseconds kHoldBack{200};
constexpr std::size_t kHeldBack = 3;

}  // namespace

SshChild::SshChild(asio::any_io_executor executor, Child child, UniqueFd errors,
                   LineSink sink)
    : executor_(executor),
      child_(std::move(child)),
      errors_(executor, errors.release()),
      sink_(std::move(sink)),
      telling_(executor) {}

void SshChild::watch() {
  spawn(executor_, "ssh stderr", read_errors(shared_from_this()));
}

awaitable<void> SshChild::read_errors(std::shared_ptr<SshChild> self) {
  std::array<char, 4096> buffer;
  for (;;) {
    auto [error, got] =
        co_await self->errors_.async_read_some(asio::buffer(buffer), as_tuple);
    if (!error) self->lines_.add({buffer.data(), got});
    if (error && self->lines_.has_part()) self->lines_.finish();
    while (self->lines_.has_line()) self->add_line(self->lines_.take_line());
    if (error) break;
  }
  self->telling_.cancel();
  self->errors_ended_ = true;
  self->errors_end_.notify();
}

void SshChild::add_line(std::string line) {
  untold_.push_back(std::move(line));
  tell_all_but(kHeldBack);
  if (untold_.size() > 1) return;
  telling_.expires_after(kHoldBack);
  telling_.async_wait([self = shared_from_this()](std::error_code cancelled) {
    if (!cancelled) self->tell_all_but(0);
  });
}

void SshChild::tell_all_but(std::size_t count) {
  while (untold_.size() > count) {
    std::string line = std::move(untold_.front());
    untold_.pop_front();
    if (sink_) sink_(line);
  }
}

awaitable<bool> SshChild::exits_within(std::chrono::milliseconds limit) {
  auto end = std::chrono::steady_clock::now() + limit;
  asio::steady_timer timer(executor_);
  while (!child_.status()) {
    if (std::chrono::steady_clock::now() >= end) co_return false;
    timer.expires_after(kLookInterval);
    co_await timer.async_wait(as_tuple);
  }
  co_return true;
}

awaitable<std::optional<int>> SshChild::await_exit() {
  bool exited = co_await exits_within(kExitLimit);
  if (!exited) co_return std::nullopt;
  if (!errors_ended_) {
    co_await errors_end_.wait(std::chrono::steady_clock::now() + kLastWords);
  }
  co_return child_.status();
}

void SshChild::terminate() {
  if (terminating_) return;
  terminating_ = true;
  child_.signal(SIGTERM);
  spawn(executor_, "ssh ending", see_out(shared_from_this()));
}

awaitable<void> SshChild::see_out(std::shared_ptr<SshChild> self) {
  bool exited = co_await self->exits_within(kExitLimit);
  if (!exited) {
    log::debug("ssh does not end at SIGTERM; killing it");
    self->child_.signal(SIGKILL);
    co_await self->exits_within(kExitLimit);
  }
  self->errors_.close();
  self->tell_all_but(0);
}

std::string SshChild::take_last_words(int status) {
  std::string text = concat("ssh ", describe_status(status));
  const char* separator = ": ";
  for (const std::string& line : std::exchange(untold_, {})) {
    text += separator + printable(line);
    separator = "; ";
  }
  return text;
}

}  // namespace ginnel::transport
