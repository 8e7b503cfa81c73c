// SPDX-License-Identifier: GPL-3.0-or-later
// What the benchmark measures with: a server in the private network, and
// what asks it through the tool under test. Says why on stderr and exits 1
// when something went wrong.
#include <sys/resource.h>

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "tests/bench/probe_client.h"
#include "tests/bench/probe_look_ups.h"
#include "tests/bench/probe_serve.h"

namespace ginnel::bench {
namespace {

constexpr const char* kUsage =
    "usage: probe serve PORT\n"
    "       probe first ADDRESS PORT SEEN_AS SECONDS BEGAN\n"
    "       probe down ADDRESS PORT SEEN_AS SECONDS\n"
    "       probe up ADDRESS PORT SEEN_AS SECONDS TAG\n"
    "       probe ping ADDRESS PORT SEEN_AS SECONDS INTERVAL\n"
    "       probe connects ADDRESS PORT SEEN_AS SECONDS WORKERS\n"
    "       probe hold ADDRESS PORT SEEN_AS SECONDS COUNT\n"
    "       probe lookups ADDRESS PORT SECONDS WORKERS\n";

using Arguments = std::vector<std::string>;

unsigned short port_of(const std::string& text) {
  return static_cast<unsigned short>(std::stoul(text));
}

awaitable<void> call(Arguments arguments) {
  const std::string& verb = arguments.at(0);
  auto address = asio::ip::make_address(arguments.at(1));
  unsigned short port = port_of(arguments.at(2));
  if (verb == "lookups") {
    asio::ip::udp::endpoint server(address, port);
    co_await look_ups(server, Seconds(std::stod(arguments.at(3))),
                      std::stoi(arguments.at(4)));
    co_return;
  }
  Target target{{address, port}, arguments.at(3)};
  Seconds time(std::stod(arguments.at(4)));
  if (verb == "first")
    co_await first(target, time, Seconds(std::stod(arguments.at(5))));
  else if (verb == "down")
    co_await down(target, time);
  else if (verb == "up")
    co_await up(target, time, arguments.at(5));
  else if (verb == "ping")
    co_await ping(target, time, Seconds(std::stod(arguments.at(5))));
  else if (verb == "connects")
    co_await connects(target, time, std::stoi(arguments.at(5)));
  else if (verb == "hold")
    co_await hold(target, std::stoul(arguments.at(5)), time);
  else
    throw std::out_of_range(verb);
}

awaitable<void> guarded_call(Arguments arguments, int& status) {
  try {
    co_await call(std::move(arguments));
    status = 0;
  } catch (...) {
    try {
      std::rethrow_exception(cause_of(std::current_exception()));
    } catch (const std::out_of_range&) {
      std::cerr << kUsage;
    } catch (const std::exception& error) {
      std::cerr << error.what() << std::endl;
    }
  }
}

void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int run(Arguments arguments) {
  raise_descriptor_limit();
  if (arguments.size() == 2 && arguments[0] == "serve") {
    serve(port_of(arguments[1]));
    return 0;
  }
  asio::io_context io{1};
  int status = 1;
  spawn(io.get_executor(), "call", guarded_call(std::move(arguments), status));
  io.run();
  return status;
}

}  // namespace
}  // namespace ginnel::bench

int main(int argc, char** argv) {
  try {
    return ginnel::bench::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "probe: " << error.what() << std::endl;
    return 1;
  }
}
