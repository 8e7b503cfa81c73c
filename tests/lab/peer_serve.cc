// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/lab/peer_serve.h"

#include <asio/io_context.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/steady_timer.hpp>
#include <iostream>
#include <map>
#include <utility>

#include "base/strings.h"
#include "mux/spawn.h"
#include "tests/lab/peer_conversation.h"
#include "tests/lab/peer_data.h"

namespace ginnel::lab {
namespace {

using asio::ip::tcp;

// One verb's part: the conversation, the server's name and the verb's operand.
using Verb = awaitable<void> (*)(Conversation& caller, const std::string& name,
                                 const std::string& operand);

awaitable<void> page(Conversation& caller, const std::string& name,
                     const std::string&) {
  while (!(co_await caller.line()).empty()) {
  }
  std::string body = concat(name, " saw ", caller.peer(), "\n");
  std::string answer =
      concat("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ",
             body.size(), "\r\n\r\n", body);
  co_await caller.write(answer);
}

awaitable<void> who(Conversation& caller, const std::string& name,
                    const std::string&) {
  co_await caller.write_line(concat(name, " saw ", caller.peer()));
}

awaitable<void> echo(Conversation& caller, const std::string&,
                     const std::string&) {
  for (;;) {
    auto piece = co_await caller.piece();
    if (piece.empty()) break;
    co_await caller.write(piece);
  }
}

awaitable<void> source(Conversation& caller, const std::string&,
                       const std::string& bytes) {
  co_await caller.write_bulk(std::stoull(bytes));
}

awaitable<void> sink(Conversation& caller, const std::string&,
                     const std::string&) {
  Sha256 hash;
  std::uint64_t bytes = 0;
  for (;;) {
    auto piece = co_await caller.piece();
    if (piece.empty()) break;
    hash.update(piece);
    bytes += piece.size();
  }
  co_await caller.write_line(concat(bytes, " ", hash.hex()));
}

// Reads to whatever end comes and tells it.
awaitable<void> report_end(Conversation& caller, const std::string& tag) {
  std::uint64_t bytes = 0;
  std::string how = "eof";
  try {
    for (;;) {
      auto piece = co_await caller.piece();
      if (piece.empty()) break;
      bytes += piece.size();
    }
  } catch (const asio::system_error& error) {
    how = error.code().message();
  }
  std::cout << tag << ' ' << bytes << ' ' << how << std::endl;
}

awaitable<void> early(Conversation& caller, const std::string&,
                      const std::string& tag) {
  co_await caller.write_line("bye");
  caller.finish_writing();
  co_await report_end(caller, tag);
}

awaitable<void> watch(Conversation& caller, const std::string&,
                      const std::string& tag) {
  co_await caller.write_line("ok");
  co_await report_end(caller, tag);
}

awaitable<void> rst(Conversation& caller, const std::string&,
                    const std::string&) {
  co_await caller.write_line("ok");
  co_await caller.line();
  caller.reset();
}

awaitable<void> stall(Conversation&, const std::string&, const std::string&) {
  asio::steady_timer never(co_await asio::this_coro::executor,
                           asio::steady_timer::time_point::max());
  co_await never.async_wait(asio::use_awaitable);
}

const std::map<std::string, Verb, std::less<>> kVerbs{
    {"GET", page},      {"who", who},   {"echo", echo},
    {"source", source}, {"sink", sink}, {"early", early},
    {"watch", watch},   {"rst", rst},   {"stall", stall},
};

awaitable<void> converse(tcp::socket socket, std::string name) {
  Conversation caller(std::move(socket));
  try {
    std::string request = co_await caller.line();
    std::size_t space = std::min(request.find(' '), request.size());
    auto verb = kVerbs.find(request.substr(0, space));
    std::string operand = request.substr(std::min(space + 1, request.size()));
    if (verb != kVerbs.end()) co_await verb->second(caller, name, operand);
  } catch (const asio::system_error&) {
    // The caller left early; those who care use `watch`.
  }
}

awaitable<void> accept(tcp::acceptor acceptor, std::string name) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    spawn(acceptor.get_executor(), "conversation",
          converse(std::move(socket), name));
  }
}

tcp::acceptor listen_on(asio::io_context& io, const std::string& port) {
  tcp::acceptor acceptor(io);
  acceptor.open(tcp::v6());
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  acceptor.set_option(asio::ip::v6_only(false));
  acceptor.bind({tcp::v6(), static_cast<unsigned short>(std::stoul(port))});
  acceptor.listen();
  return acceptor;
}

}  // namespace

void serve(const std::string& name, const std::vector<std::string>& ports) {
  asio::io_context io{1};
  for (const std::string& port : ports)
    spawn(io.get_executor(), "accept", accept(listen_on(io, port), name));
  std::cout << "serving" << std::endl;
  io.run();
}

}  // namespace ginnel::lab
