// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "mux/link.h"
#include "mux/session.h"
#include "mux/spawn.h"

namespace ginnel::mux {

// Runs a Session over a Link: one coroutine reads, one writes, one keeps time.
class Connection : private Session::Events {
 public:
  // What the owner of a connection is asked and told; see Session::Events.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual std::shared_ptr<StreamHandler> open_requested(
        Stream& stream, const Endpoint& target) = 0;
    virtual void remote_log(log::Level level, std::string_view text) = 0;
    virtual void suspicion(bool suspected) = 0;
  };

  // `early` is what was read from the link before it was given here.
  Connection(asio::any_io_executor executor, Session::Role role, Owner& owner,
             std::unique_ptr<Link> link, std::vector<std::byte> early);

  // Serves until the link ends or the other end breaks the protocol, then
  // resets every stream and returns why. When the other end broke the protocol
  // it is told so.
  awaitable<Error> run();
  Session& session() { return session_; }

 private:
  awaitable<void> read_loop();
  awaitable<void> write_loop();
  awaitable<void> time_loop();
  void receive(Bytes bytes);
  [[noreturn]] void fail(Error why);
  void note(Error why);
  void say_goodbye(const Error& why);

  void output_ready() override;
  std::shared_ptr<StreamHandler> open_requested(
      Stream& stream, const Endpoint& target) override;
  void remote_log(log::Level level, std::string_view text) override;
  void suspicion(bool suspected) override;

  Owner& owner_;
  std::unique_ptr<Link> link_;
  std::vector<std::byte> early_;
  asio::steady_timer output_wake_;  // expires never; cancelled to wake
  asio::steady_timer clock_;
  bool output_ready_ = true;
  std::optional<Error> failure_;
  Session session_;
};

}  // namespace ginnel::mux
