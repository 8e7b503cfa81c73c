// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/probe_serve.h"

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/steady_timer.hpp>
#include <sstream>
#include <utility>

#include "base/strings.h"
#include "mux/spawn.h"
#include "tests/bench/probe_data.h"
#include "tests/lab/peer_conversation.h"

namespace ginnel::bench {
namespace {

using asio::ip::tcp;
using lab::Conversation;

awaitable<void> echo(Conversation& caller) {
  for (;;) {
    auto piece = co_await caller.piece();
    if (piece.empty()) break;
    co_await caller.write(piece);
  }
}

awaitable<void> down(Conversation& caller) {
  static const Pattern pattern;
  std::uint64_t sent = 0;
  for (;;) {
    auto piece = pattern.at(sent);
    co_await caller.write(piece);
    sent += piece.size();
  }
}

awaitable<void> take(Conversation& caller, Progress& progress) {
  try {
    for (;;) {
      auto piece = co_await caller.piece();
      if (piece.empty() || !progress.take(piece)) break;
    }
  } catch (const asio::system_error&) {
    // The caller left, or its time is over.
  }
}

awaitable<void> up(Conversation& caller, std::istringstream& operands) {
  using namespace asio::experimental::awaitable_operators;
  std::string tag;
  int seconds = 0;
  operands >> tag >> seconds;
  Progress progress;
  asio::steady_timer over(co_await asio::this_coro::executor,
                          std::chrono::seconds(seconds));
  co_await (take(caller, progress) || over.async_wait(asio::use_awaitable));
  caller.reset();
  std::cout << tag << ' ' << caller.peer() << ' ';
  progress.print(std::cout);
}

awaitable<void> converse(tcp::socket socket) {
  Conversation caller(std::move(socket));
  try {
    std::istringstream request(co_await caller.line());
    co_await caller.write_line(concat("saw ", caller.peer()));
    std::string verb;
    request >> verb;
    if (verb == "echo") co_await echo(caller);
    if (verb == "down") co_await down(caller);
    if (verb == "up") co_await up(caller, request);
  } catch (const asio::system_error&) {
    // The caller left.
  }
}

awaitable<void> accept(tcp::acceptor& acceptor) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    spawn(acceptor.get_executor(), "conversation", converse(std::move(socket)));
  }
}

}  // namespace

void serve(unsigned short port) {
  asio::io_context io{1};
  tcp::acceptor acceptor(io);
  acceptor.open(tcp::v6());
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  acceptor.set_option(asio::ip::v6_only(false));
  acceptor.bind({tcp::v6(), port});
  acceptor.listen();
  spawn(io.get_executor(), "accept", accept(acceptor));
  std::cout << "serving" << std::endl;
  io.run();
}

}  // namespace ginnel::bench
