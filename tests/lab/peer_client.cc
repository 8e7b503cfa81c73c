// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/lab/peer_client.h"

#include <unistd.h>

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <utility>

#include "base/strings.h"
#include "tests/lab/peer_conversation.h"
#include "tests/lab/peer_data.h"

namespace ginnel::lab {
namespace {

using asio::ip::tcp;

awaitable<Conversation> connect(Server server) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(server, asio::use_awaitable);
  co_return Conversation(std::move(socket));
}

void expect_equal(const std::string& what, const std::string& got,
                  const std::string& wanted) {
  if (got != wanted)
    throw std::runtime_error(concat(what, ": got ", got, ", wanted ", wanted));
}

awaitable<void> stdin_to(Conversation& server) {
  asio::posix::stream_descriptor input(co_await asio::this_coro::executor,
                                       ::dup(STDIN_FILENO));
  std::string buffer(65536, '\0');
  for (;;) {
    auto [error, size] =
        co_await input.async_read_some(asio::buffer(buffer), as_tuple);
    if (error && error != asio::error::eof) co_return;  // the other half broke
    if (size == 0) break;
    co_await server.write({buffer.data(), size});
  }
  server.finish_writing();
}

awaitable<void> to_stdout(Conversation& server) {
  for (;;) {
    auto piece = co_await server.piece();
    if (piece.empty()) break;
    std::cout.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    std::cout.flush();
  }
}

// All streams wait at the gate until the last has come, or one has failed.
struct Meeting {
  std::size_t missing;
  std::size_t running;
  asio::steady_timer gate;
  std::exception_ptr failure = nullptr;

  void open() { gate.expires_at(asio::steady_timer::time_point::min()); }
};

awaitable<void> exchange(Conversation& server, std::uint64_t seed,
                         std::size_t bytes) {
  Pattern pattern(seed);
  auto block = pattern.next(bytes);
  std::string sent(block.begin(), block.end());
  co_await server.write(sent);
  std::string got;
  while (got.size() < sent.size()) {
    auto piece = co_await server.piece();
    if (piece.empty()) throw std::runtime_error("an echo ended early");
    got.append(piece.data(), piece.size());
  }
  if (got != sent) throw std::runtime_error("an echo was not what was sent");
}

awaitable<void> one_stream(Server to, std::uint64_t seed, Meeting& meeting) {
  Conversation server = co_await connect(to);
  co_await server.write_line("echo");
  co_await exchange(server, seed, 100);
  if (--meeting.missing == 0) meeting.open();
  co_await meeting.gate.async_wait(as_tuple);
  for (std::uint64_t round = 1; round <= 3; ++round)
    co_await exchange(server, seed + (round << 32), 4000);
  server.finish_writing();
  if (!(co_await server.piece()).empty())
    throw std::runtime_error("an echo said more than it heard");
}

awaitable<void> counted_stream(Server to, std::uint64_t seed,
                               Meeting& meeting) {
  try {
    co_await one_stream(to, seed, meeting);
  } catch (...) {
    if (!meeting.failure) meeting.failure = std::current_exception();
    meeting.open();
  }
  --meeting.running;
}

}  // namespace

awaitable<void> ask(Server to, std::string line) {
  Conversation server = co_await connect(to);
  co_await server.write_line(line);
  co_await to_stdout(server);
}

awaitable<void> pipe(Server to) {
  using namespace asio::experimental::awaitable_operators;
  Conversation server = co_await connect(to);
  co_await (stdin_to(server) && to_stdout(server));
}

awaitable<void> download(Server to, std::uint64_t bytes, bool paused) {
  Conversation server = co_await connect(to);
  co_await server.write_line(concat("source ", bytes));
  if (paused) {
    std::cout << "paused" << std::endl;
    std::string line;
    std::getline(std::cin, line);
  }
  Sha256 hash;
  std::uint64_t got = 0;
  for (;;) {
    auto piece = co_await server.piece();
    if (piece.empty()) break;
    hash.update(piece);
    got += piece.size();
  }
  expect_equal("bytes", std::to_string(got), std::to_string(bytes));
  expect_equal("SHA-256", hash.hex(), bulk_hash(bytes));
}

awaitable<void> upload(Server to, std::uint64_t bytes) {
  Conversation server = co_await connect(to);
  co_await server.write_line("sink");
  co_await server.write_bulk(bytes);
  server.finish_writing();
  expect_equal("sink", co_await server.line(),
               concat(bytes, " ", bulk_hash(bytes)));
}

awaitable<void> streams(Server to, std::size_t count) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer closed(executor, asio::steady_timer::time_point::max());
  Meeting meeting{count, count, std::move(closed)};
  for (std::size_t i = 0; i < count; ++i)
    spawn(executor, "stream", counted_stream(to, i, meeting));
  asio::steady_timer tick(executor);
  while (meeting.running > 0) {
    tick.expires_after(std::chrono::milliseconds(20));
    co_await tick.async_wait(asio::use_awaitable);
  }
  if (meeting.failure) std::rethrow_exception(meeting.failure);
}

awaitable<void> abort_watch(Server to, std::string tag) {
  Conversation server = co_await connect(to);
  co_await server.write_line(concat("watch ", tag));
  expect_equal("watch", co_await server.line(), "ok");
  server.reset();
}

awaitable<void> talk_after_end(Server to, std::string tag,
                               std::uint64_t bytes) {
  Conversation server = co_await connect(to);
  co_await server.write_line(concat("early ", tag));
  expect_equal("early", co_await server.line(), "bye");
  if (!(co_await server.piece()).empty())
    throw std::runtime_error("the other side spoke after its bye");
  co_await server.write_bulk(bytes);
}

}  // namespace ginnel::lab
