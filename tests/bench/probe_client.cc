// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/probe_client.h"

#include <algorithm>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "tests/bench/probe_data.h"
#include "tests/lab/peer_conversation.h"

namespace ginnel::bench {
namespace {

using namespace asio::experimental::awaitable_operators;
using asio::ip::tcp;
using lab::Conversation;

Clock::duration to_clock(Seconds seconds) {
  return std::chrono::duration_cast<Clock::duration>(seconds);
}

awaitable<void> sleep_until(Clock::time_point when) {
  asio::steady_timer timer(co_await asio::this_coro::executor, when);
  co_await timer.async_wait(asio::use_awaitable);
}

// What breaks `task` is kept in `failure`: `||` would wait for the other side
// and drop it. That the other side was first is no failure.
awaitable<void> note(awaitable<void> task, std::exception_ptr& failure) {
  try {
    co_await std::move(task);
  } catch (const asio::system_error& error) {
    if (error.code() != asio::error::operation_aborted)
      failure = std::current_exception();
  } catch (...) {
    failure = std::current_exception();
  }
}

// `task` for so long, unless it ends before.
awaitable<void> run_until(Clock::time_point end, awaitable<void> task) {
  std::exception_ptr failure;
  co_await (note(std::move(task), failure) || sleep_until(end));
  if (failure) std::rethrow_exception(failure);
}

// A connection that the server has seen as it must.
awaitable<Conversation> open(const Target& target, std::string request) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(target.server, asio::use_awaitable);
  Conversation server(std::move(socket));
  co_await server.write_line(request);
  std::string answer = co_await server.line();
  if (answer != concat("saw ", target.seen_as))
    throw std::runtime_error(
        concat("not through the tool: ", answer, ", not ", target.seen_as));
  co_return server;
}

awaitable<bool> answers(const Target& target) {
  try {
    co_await open(target, "who");
    co_return true;
  } catch (const std::exception&) {
    co_return false;
  }
}

awaitable<void> take(Conversation& server, Progress& progress) {
  for (;;) {
    auto piece = co_await server.piece();
    if (piece.empty()) throw std::runtime_error("the download ended early");
    if (!progress.take(piece)) throw std::runtime_error("wrong bytes");
  }
}

awaitable<void> give(Conversation& server) {
  const Pattern pattern;
  std::uint64_t sent = 0;
  try {
    for (;;) {
      auto piece = pattern.at(sent);
      co_await server.write(piece);
      sent += piece.size();
    }
  } catch (const asio::system_error&) {
    // The server has had its time.
  }
}

constexpr std::size_t kPingSize = 64;

struct Pings {
  Clock::time_point half_time;
  std::deque<Clock::time_point> under_way;
  Durations durations;
  Durations second_half;  // of those sent after half_time
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;

  void add(Clock::time_point began) {
    Clock::duration took = Clock::now() - began;
    durations.add(took);
    if (began >= half_time) second_half.add(took);
  }

  static std::string text(std::uint64_t number) {
    std::string result = std::to_string(number);
    result.resize(kPingSize, '.');
    return result;
  }
};

awaitable<void> send_pings(Conversation& server, Pings& pings,
                           Clock::time_point end, Clock::duration interval) {
  for (Clock::time_point next = Clock::now(); next < end; next += interval) {
    co_await sleep_until(next);
    pings.under_way.push_back(next);
    std::string message = Pings::text(pings.sent++);
    co_await server.write(message);
  }
}

awaitable<void> take_pings(Conversation& server, Pings& pings) {
  std::string got;
  for (;;) {
    auto piece = co_await server.piece();
    if (piece.empty()) throw std::runtime_error("the pings' stream ended");
    got.append(piece.data(), piece.size());
    while (got.size() >= kPingSize) {
      if (got.substr(0, kPingSize) != Pings::text(pings.answered++))
        throw std::runtime_error("a ping came back changed");
      got.erase(0, kPingSize);
      pings.add(pings.under_way.front());
      pings.under_way.pop_front();
    }
  }
}

// What is still under way is given this long.
constexpr auto kLastPings = std::chrono::seconds(2);

awaitable<void> wait_for_last(const Pings& pings, Clock::time_point limit) {
  while (!pings.under_way.empty() && Clock::now() < limit)
    co_await sleep_until(Clock::now() + std::chrono::milliseconds(5));
}

awaitable<void> ping_and_wait(Conversation& server, Pings& pings,
                              Clock::time_point end, Clock::duration interval) {
  co_await send_pings(server, pings, end, interval);
  co_await wait_for_last(pings, end + kLastPings);
}

struct Crowd {
  Clock::time_point end;
  int running = 0;
  Durations durations;
  std::exception_ptr failure = nullptr;

  bool is_over() const { return failure || Clock::now() >= end; }
};

awaitable<void> connect_repeatedly(Target target, Crowd& crowd) {
  try {
    while (!crowd.is_over()) {
      Clock::time_point begin = Clock::now();
      co_await open(target, "who");
      crowd.durations.add(Clock::now() - begin);
    }
  } catch (...) {
    crowd.failure = std::current_exception();
  }
  --crowd.running;
}

awaitable<void> wait_for(const int& running) {
  while (running > 0)
    co_await sleep_until(Clock::now() + std::chrono::milliseconds(2));
}

struct Holding {
  std::size_t missing;
  int running = 0;
  std::vector<Conversation> streams;
  std::exception_ptr failure = nullptr;
};

// Shared, since those that wait for an answer outlive hold()'s patience.
awaitable<void> open_streams(Target target, std::shared_ptr<Holding> holding) {
  try {
    while (holding->missing > 0 && !holding->failure) {
      --holding->missing;
      holding->streams.push_back(co_await open(target, "echo"));
    }
  } catch (...) {
    holding->failure = std::current_exception();
  }
  --holding->running;
}

constexpr auto kLongestOpening = std::chrono::seconds(15);

// Until all have come or failed, or none has for as long as `patience`.
awaitable<void> wait_for_streams(const Holding& holding, Seconds patience) {
  std::size_t held = 0;
  Clock::time_point grown = Clock::now();
  Clock::time_point end = grown + kLongestOpening;
  while (holding.running > 0 &&
         Clock::now() < std::min(end, grown + to_clock(patience))) {
    if (holding.streams.size() > held) grown = Clock::now();
    held = holding.streams.size();
    co_await sleep_until(Clock::now() + std::chrono::milliseconds(5));
  }
}

}  // namespace

awaitable<void> first(Target target, Seconds limit, Seconds began) {
  Clock::time_point end = Clock::now() + to_clock(limit);
  bool answered = false;
  while (!answered) {
    if (Clock::now() > end) throw std::runtime_error("no answer in time");
    co_await sleep_until(Clock::now() + std::chrono::milliseconds(5));
    answered = co_await answers(target);
  }
  Seconds now = std::chrono::system_clock::now().time_since_epoch();
  std::cout << "{\"ms\":" << (now - began).count() * 1000 << '}' << std::endl;
}

awaitable<void> down(Target target, Seconds time) {
  Conversation server = co_await open(target, "down");
  Progress progress;
  Clock::time_point end = Clock::now() + to_clock(time);
  co_await run_until(end, take(server, progress));
  server.reset();
  progress.print(std::cout);
}

awaitable<void> up(Target target, Seconds time, std::string tag) {
  auto seconds = static_cast<int>(time.count() + 0.5);
  std::string request = concat("up ", tag, " ", seconds);
  Conversation server = co_await open(target, request);
  Clock::time_point end = Clock::now() + to_clock(time);
  co_await run_until(end, give(server));
  server.reset();
  std::cout << "{}" << std::endl;
}

awaitable<void> ping(Target target, Seconds time, Seconds interval) {
  Conversation server = co_await open(target, "echo");
  Clock::time_point begin = Clock::now();
  Clock::time_point end = begin + to_clock(time);
  Pings pings{begin + to_clock(time / 2), {}, {}, {}};
  std::exception_ptr failure;
  co_await (
      note(ping_and_wait(server, pings, end, to_clock(interval)), failure) ||
      note(take_pings(server, pings), failure));
  if (failure) std::rethrow_exception(failure);
  for (Clock::time_point sent : pings.under_way) pings.add(sent);
  std::cout << "{\"unanswered\":" << pings.under_way.size() << ',';
  pings.durations.print(std::cout);
  std::cout << ",\"second_half\":{";
  pings.second_half.print(std::cout);
  std::cout << "}}" << std::endl;
}

awaitable<void> connects(Target target, Seconds time, int workers) {
  auto executor = co_await asio::this_coro::executor;
  Clock::time_point begin = Clock::now();
  Crowd crowd{begin + to_clock(time), workers, {}};
  for (int i = 0; i < workers; ++i)
    spawn(executor, "worker", connect_repeatedly(target, crowd));
  co_await wait_for(crowd.running);
  if (crowd.failure) std::rethrow_exception(crowd.failure);
  Seconds took = Clock::now() - begin;
  std::cout << "{\"rate\":"
            << static_cast<double>(crowd.durations.count()) / took.count()
            << ',';
  crowd.durations.print(std::cout);
  std::cout << '}' << std::endl;
}

awaitable<void> hold(Target target, std::size_t count, Seconds patience) {
  constexpr int kWorkers = 32;
  auto executor = co_await asio::this_coro::executor;
  auto holding = std::make_shared<Holding>(Holding{count, kWorkers, {}, {}});
  for (int i = 0; i < kWorkers; ++i)
    spawn(executor, "opener", open_streams(target, holding));
  co_await wait_for_streams(*holding, patience);
  std::cout << "{\"held\":" << holding->streams.size() << '}' << std::endl;
  std::string line;
  std::getline(std::cin, line);
  if (holding->failure) std::rethrow_exception(holding->failure);
  if (holding->running > 0)
    throw std::runtime_error("the others did not open in time");
}

}  // namespace ginnel::bench
