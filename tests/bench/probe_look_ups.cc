// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/probe_look_ups.h"

#include <array>
#include <asio/steady_timer.hpp>
#include <deque>
#include <exception>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/strings.h"
#include "names/dns_build.h"
#include "names/dns_message.h"
#include "tests/bench/probe_data.h"

namespace ginnel::bench {
namespace {

using asio::ip::udp;

constexpr auto kPatience = std::chrono::seconds(2);

// A worker's socket, and until when its answer is waited for.
struct Asker {
  udp::socket socket;
  Clock::time_point limit;

  explicit Asker(const asio::any_io_executor& executor) : socket(executor) {}
};

struct Crowd {
  udp::endpoint server;
  Clock::time_point end;
  std::mt19937 random{std::random_device{}()};
  std::uint32_t next = random();
  std::deque<Asker> askers{};
  std::size_t running = 0;
  Durations durations{};
  std::uint64_t in_time = 0;
  std::uint64_t lost = 0;
  std::exception_ptr failure = nullptr;

  bool is_over() const { return failure || Clock::now() >= end; }
};

// One of 100.64.0.0/10, and the name of a host there.
struct Host {
  IpAddress address;
  std::string name;

  explicit Host(std::uint32_t number) {
    const std::array<unsigned, 4> parts{100, 64 + (number >> 16 & 63),
                                        number >> 8 & 255, number & 255};
    std::string text =
        concat(parts[0], '.', parts[1], '.', parts[2], '.', parts[3]);
    address = *IpAddress::parse(text);
    name = concat("h-", parts[0], '-', parts[1], '-', parts[2], '-', parts[3],
                  ".bench.test");
  }
};

void check(Bytes query, Bytes answer, const IpAddress& wanted) {
  if (!dns::matches(query, answer))
    throw std::runtime_error("an answer to another question");
  auto got = dns::addresses(answer).addresses;
  if (got.size() != 1 || got[0] != wanted)
    throw std::runtime_error(concat("not told of ", wanted));
}

// False when no answer came in time.
awaitable<bool> look_up(Crowd& crowd, Asker& asker) {
  const Host host(crowd.next++);
  auto query = *dns::make_query(static_cast<std::uint16_t>(crowd.random()),
                                host.name, dns::type::kA);
  asker.limit = Clock::now() + kPatience;
  asker.socket = udp::socket(asker.socket.get_executor());
  asker.socket.connect(crowd.server);
  asker.socket.send(asio::buffer(query));
  std::array<std::byte, 4096> room;
  auto [error, size] =
      co_await asker.socket.async_receive(asio::buffer(room), as_tuple);
  if (error == asio::error::operation_aborted) co_return false;
  if (error) throw asio::system_error(error, "the name server");
  check(query, Bytes(room).first(size), host.address);
  co_return true;
}

awaitable<void> look_up_repeatedly(Crowd& crowd, Asker& asker) {
  try {
    while (!crowd.is_over()) {
      Clock::time_point begin = Clock::now();
      bool answered = co_await look_up(crowd, asker);
      Clock::time_point now = Clock::now();
      crowd.durations.add(now - begin);
      if (!answered) ++crowd.lost;
      if (answered && now < crowd.end) ++crowd.in_time;
    }
  } catch (...) {
    crowd.failure = std::current_exception();
  }
  --crowd.running;
}

// Ends the waiting of those whose time is over, until all are done.
awaitable<void> watch(Crowd& crowd) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  asio::error_code not_open;
  while (crowd.running > 0) {
    Clock::time_point now = Clock::now();
    for (Asker& asker : crowd.askers)
      if (asker.limit < now || crowd.failure) asker.socket.cancel(not_open);
    timer.expires_after(std::chrono::milliseconds(5));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace

awaitable<void> look_ups(udp::endpoint server, Seconds time, int workers) {
  auto executor = co_await asio::this_coro::executor;
  Crowd crowd{server, Clock::now()};
  crowd.end += std::chrono::duration_cast<Clock::duration>(time);
  for (int i = 0; i < workers; ++i) {
    Asker& asker = crowd.askers.emplace_back(executor);
    ++crowd.running;
    spawn(executor, "worker", look_up_repeatedly(crowd, asker));
  }
  co_await watch(crowd);
  if (crowd.failure) std::rethrow_exception(crowd.failure);
  auto all = static_cast<double>(crowd.durations.count());
  auto lost = static_cast<double>(crowd.lost);
  if (lost == all) throw std::runtime_error("no look-up was answered");
  std::cout << "{\"rate\":" << static_cast<double>(crowd.in_time) / time.count()
            << ",\"lost\":" << lost / all << ',';
  crowd.durations.print(std::cout);
  std::cout << '}' << std::endl;
}

}  // namespace ginnel::bench
