// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/remote_start.h"

#include <array>
#include <asio/error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/system_error.hpp>
#include <asio/this_coro.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "client/start_script.h"
#include "helper/image.h"
#include "helper/ready.h"

namespace ginnel {
namespace {

using start_script::Answer;
using transport::Failure;

constexpr std::chrono::seconds kAnswerLimit{60};
constexpr std::size_t kSlowestRate = 8 << 10;  // bytes a second
constexpr std::size_t kMaxReadyLine = 256;

std::string random_nonce() {
  std::array<std::byte, 12> bytes;
  if (Result<void> filled = fill_random(bytes); !filled) {
    throw Failure(filled.error().message());
  }
  return hexadecimal(bytes);
}

// What gzip's last four bytes say, the lowest first (RFC 1952).
std::size_t unpacked_size(Bytes packed) {
  if (packed.size() < 4) return 0;
  std::size_t size = 0;
  for (std::byte byte : packed.last(4)) {
    size = size >> 8 | std::to_integer<std::size_t>(byte) << 24;
  }
  return size;
}

// Closes a link at a deadline, so that whoever waits on it goes on.
class Watchdog {
 public:
  Watchdog(asio::any_io_executor executor, mux::Link& link)
      : timer_(executor), link_(link) {}

  void set(std::chrono::steady_clock::duration limit) {
    timer_.expires_after(limit);
    timer_.async_wait(
        [this, alive = std::weak_ptr<bool>(alive_)](std::error_code cancelled) {
          if (cancelled || alive.expired()) return;
          fired_ = true;
          link_.close();
        });
  }
  bool fired() const { return fired_; }

 private:
  asio::steady_timer timer_;
  mux::Link& link_;
  bool fired_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class Starter {
 public:
  Starter(asio::any_io_executor executor, std::unique_ptr<mux::Link> link,
          std::string host, HelperImage image, const std::string& nonce)
      : link_(std::move(link)),
        host_(std::move(host)),
        image_(image),
        answers_(nonce),
        watchdog_(executor, *link_) {}

  awaitable<StartedHelper> run();

 private:
  awaitable<std::string> read_some();
  awaitable<Answer> next_answer();
  awaitable<void> upload();
  awaitable<StartedHelper> await_ready();

  void check_machine(const Answer& answer) const;
  void check_build(std::string_view line) const;
  [[noreturn]] void throw_ended();

  std::unique_ptr<mux::Link> link_;
  std::string host_;
  HelperImage image_;
  start_script::AnswerReader answers_;
  const char* waiting_for_ = "the far shell's answer";
  Watchdog watchdog_;
};

void Starter::throw_ended() {
  std::string noise = answers_.noise();
  throw Failure(concat(printable(host_), " ended the session before ",
                       waiting_for_,
                       noise.empty() ? "" : concat("; it said: ", noise)));
}

awaitable<std::string> Starter::read_some() {
  std::string text;
  try {
    Bytes bytes = co_await link_->read();
    text = as_text(bytes);
  } catch (const asio::system_error& error) {
    if (watchdog_.fired()) {
      throw Failure(
          concat(printable(host_), " did not give ", waiting_for_, " in time"));
    }
    throw Failure(concat(printable(host_), ": ", error.what()));
  }
  if (text.empty()) throw_ended();
  co_return text;
}

awaitable<Answer> Starter::next_answer() {
  for (;;) {
    auto answer = answers_.next();
    if (!answer) {
      throw Failure(concat(printable(host_), ": ", answer.error().message()));
    }
    if (*answer && (*answer)->word == "failed") {
      throw Failure(start_script::describe_failure(**answer, host_));
    }
    if (*answer) co_return std::move(**answer);
    std::string text = co_await read_some();
    answers_.add(text);
  }
}

void Starter::check_machine(const Answer& answer) const {
  std::string wanted = concat("Linux ", image_.machine);
  if (answer.word == "machine" && answer.rest == wanted) return;
  throw Failure(concat(printable(host_), " is ", answer.rest,
                       ", and this ginnel carries a helper for ", wanted,
                       " only"));
}

awaitable<void> Starter::upload() {
  Bytes rest = image_.packed;
  try {
    while (!rest.empty()) {
      co_await link_->wait_writable();
      rest = rest.subspan(link_->write_some(rest));
    }
  } catch (const asio::system_error& error) {
    // Why it takes no more is in what it says, which is read next.
    log::debug("uploading the helper: ", error.what());
  }
}

void Starter::check_build(std::string_view line) const {
  std::string wanted = helper_ready::line(GINNEL_VERSION, image_.build_id);
  wanted.pop_back();
  if (line == wanted) return;
  throw Failure(concat("the helper that runs on ", printable(host_),
                       " is not the one that was sent (", printable(line),
                       " instead of ", wanted, ")"));
}

// READY, or the script's own report that it could not get there.
awaitable<StartedHelper> Starter::await_ready() {
  std::string text = answers_.take_rest();
  for (;;) {
    answers_.add(text);
    auto failed = answers_.next();
    if (failed && *failed) {
      throw Failure(start_script::describe_failure(**failed, host_));
    }
    text = answers_.take_rest();
    std::size_t end = text.find('\n');
    if (end != text.npos || text.size() > kMaxReadyLine) {
      check_build(std::string_view(text).substr(0, end));
      Bytes early = as_bytes(text).subspan(end + 1);
      StartedHelper started;
      started.early.assign(early.begin(), early.end());
      started.link = std::move(link_);
      co_return started;
    }
    std::string more = co_await read_some();
    text += more;
  }
}

awaitable<StartedHelper> Starter::run() {
  watchdog_.set(kAnswerLimit);
  Answer machine = co_await next_answer();
  check_machine(machine);
  co_await next_answer();
  waiting_for_ = "the helper's first line";
  watchdog_.set(kAnswerLimit +
                std::chrono::seconds(image_.packed.size() / kSlowestRate));
  co_await upload();
  co_return co_await await_ready();
}

}  // namespace

HelperImage embedded_helper() {
  HelperImage image;
  image.packed = helper_image::packed();
  image.build_id = helper_image::build_id();
  image.machine = helper_image::machine();
  return image;
}

awaitable<StartedHelper> start_helper(transport::Transport& transport,
                                      std::string host, HelperImage image) {
  std::string nonce = random_nonce();
  auto link = co_await transport.exec(start_script::command(
      nonce, image.packed.size(), unpacked_size(image.packed)));
  Starter starter(co_await asio::this_coro::executor, std::move(link),
                  std::move(host), image, nonce);
  co_return co_await starter.run();
}

}  // namespace ginnel
