// SPDX-License-Identifier: GPL-3.0-or-later
// The lab's one tool: the server in the private network, and what the cases
// do with it. Says why on stderr and exits 1 when a connection broke or
// carried the wrong bytes.
#include <sys/resource.h>

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "tests/lab/peer_client.h"
#include "tests/lab/peer_serve.h"

namespace ginnel::lab {
namespace {

constexpr const char* kUsage =
    "usage: peer serve NAME PORT...\n"
    "       peer ask ADDRESS PORT LINE\n"
    "       peer pipe ADDRESS PORT\n"
    "       peer download|paused|upload ADDRESS PORT BYTES\n"
    "       peer streams ADDRESS PORT COUNT\n"
    "       peer abort ADDRESS PORT TAG\n"
    "       peer early ADDRESS PORT TAG BYTES\n";

using Arguments = std::vector<std::string>;

awaitable<void> call(Arguments arguments) {
  const std::string& verb = arguments.at(0);
  Server server(asio::ip::make_address(arguments.at(1)),
                static_cast<unsigned short>(std::stoul(arguments.at(2))));
  if (verb == "ask") co_await ask(server, arguments.at(3));
  if (verb == "pipe") co_await pipe(server);
  if (verb == "download" || verb == "paused")
    co_await download(server, std::stoull(arguments.at(3)), verb == "paused");
  if (verb == "upload") co_await upload(server, std::stoull(arguments.at(3)));
  if (verb == "streams") co_await streams(server, std::stoul(arguments.at(3)));
  if (verb == "abort") co_await abort_watch(server, arguments.at(3));
  if (verb == "early")
    co_await talk_after_end(server, arguments.at(3),
                            std::stoull(arguments.at(4)));
}

void complain(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::out_of_range&) {
    std::cerr << kUsage;
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
  }
}

awaitable<void> guarded_call(Arguments arguments, int& status) {
  try {
    co_await call(std::move(arguments));
    status = 0;
  } catch (...) {
    complain(cause_of(std::current_exception()));
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
  if (arguments.size() >= 3 && arguments[0] == "serve") {
    serve(arguments[1], {arguments.begin() + 2, arguments.end()});
    return 0;
  }
  asio::io_context io{1};
  int status = 1;
  spawn(io.get_executor(), "call", guarded_call(std::move(arguments), status));
  io.run();
  return status;
}

}  // namespace
}  // namespace ginnel::lab

int main(int argc, char** argv) {
  try {
    return ginnel::lab::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "peer: " << error.what() << std::endl;
    return 1;
  }
}
