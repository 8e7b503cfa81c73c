// SPDX-License-Identifier: GPL-3.0-or-later
// Drives one transport without the rest of ginnel, for transport_test.py:
//
//     transport_driver [options] [user[:password]@]host ACTION [ARGUMENT]
//
// Options are ginnel's: --transport KIND, -F, -i, -o, -p, -e CMD (one word a
// blank). Actions:
//
//     exec CMD       run it, print its stdout
//     up N, down N   move N MB one way and print MB/s
//     flood LIMIT    send 4 MB with the backlog limited to so many bytes, and
//                    print the most that it ever was
//     drain LIMIT    receive 4 MB from this program at the far end, which
//                    prints the same of its stdout there (`far LIMIT`)
//     echo N         N MB through `cat` and back, compared
//     twice          two commands at once on one transport
//     close          close the link, then the transport, while reading waits
//     start          upload and start the embedded helper
//     check          look at the options only
//     script N       print the start line for a helper of N packed bytes
//
// Exit status 0, 99 with one sentence (2: by `check`), or 128 + a signal.
#include <unistd.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/system_error.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <random>
#include <sstream>

#include "base/log.h"
#include "base/strings.h"
#include "client/remote_start.h"
#include "client/start_script.h"
#include "client/transport/askpass.h"
#include "client/transport/open.h"
#include "client/transport/pass_fd.h"
#include "client/transport/wakeup.h"
#include "mux/fd_link.h"

namespace ginnel {
namespace {

using transport::Failure;
using transport::Transport;

struct Job {
  transport::Request request;
  std::string action;
  std::string argument;
  int status = 99;
};

double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void expect(bool good, const std::string& what) {
  if (!good) throw Failure(what);
}

awaitable<void> write_all(mux::Link& link, Bytes bytes) {
  while (!bytes.empty()) {
    co_await link.wait_writable();
    bytes = bytes.subspan(link.write_some(bytes));
  }
}

awaitable<std::string> read_all(mux::Link& link) {
  std::string text;
  for (;;) {
    Bytes bytes = co_await link.read();
    if (bytes.empty()) co_return text;
    text += as_text(bytes);
  }
}

// A reproducible stream; equal seeds give equal bytes.
class Pattern {
 public:
  explicit Pattern(std::size_t size) : left_(size), block_(1 << 20) {
    std::mt19937_64 random(7);
    for (std::byte& byte : block_) byte = static_cast<std::byte>(random());
  }
  Bytes rest_of_block() const {
    return Bytes(block_).subspan(at_, std::min(block_.size() - at_, left_));
  }
  void advance(std::size_t size) {
    left_ -= size;
    at_ = (at_ + size) % (block_.size() - 4097);
  }
  bool done() const { return left_ == 0; }
  std::size_t left() const { return left_; }

 private:
  std::size_t left_;
  std::size_t at_ = 0;
  std::vector<std::byte> block_;
};

awaitable<void> send_pattern(mux::Link& link, std::size_t size,
                             std::size_t& most) {
  Pattern pattern(size);
  while (!pattern.done()) {
    Bytes piece = pattern.rest_of_block();
    piece = piece.first(std::min<std::size_t>(piece.size(), 16384));
    // Pieces may straddle the pattern's wrap, which both ends must share.
    piece = piece.first(std::min<std::size_t>(piece.size(), 4096));
    std::size_t sent = piece.size();
    co_await write_all(link, piece);
    pattern.advance(sent);
    most = std::max(most, link.backlog());
  }
  link.finish_writing();
}

awaitable<void> echo(Transport& transport, std::size_t size) {
  auto link = co_await transport.exec("cat");
  std::size_t most = 0;
  spawn(co_await asio::this_coro::executor, "sender",
        send_pattern(*link, size, most));
  Pattern pattern(size);
  for (;;) {
    Bytes got = co_await link->read();
    if (got.empty()) break;
    while (!got.empty()) {
      Bytes wanted = pattern.rest_of_block();
      wanted = wanted.first(std::min<std::size_t>(wanted.size(), 4096));
      static std::size_t inside = 0;
      std::size_t count = std::min(wanted.size() - inside, got.size());
      expect(!pattern.done() &&
                 std::memcmp(wanted.data() + inside, got.data(), count) == 0,
             "the echo differs");
      inside += count;
      if (inside == wanted.size()) {
        pattern.advance(inside);
        inside = 0;
      }
      got = got.subspan(count);
    }
  }
  expect(pattern.done(), concat("the echo is short by ", pattern.left()));
  std::cout << "echo ok\n";
}

awaitable<void> down(Transport& transport, std::size_t size) {
  auto link = co_await transport.exec(concat("head -c ", size, " /dev/zero"));
  double start = now();
  std::size_t got = 0;
  for (;;) {
    Bytes bytes = co_await link->read();
    if (bytes.empty()) break;
    got += bytes.size();
  }
  expect(got == size, concat("got ", got, " bytes"));
  std::cout << "down " << static_cast<int>(size / 1e6 / (now() - start))
            << " MB/s\n";
}

awaitable<void> up(Transport& transport, std::size_t size) {
  auto link = co_await transport.exec("wc -c");
  std::vector<std::byte> block(16384);
  double start = now();
  std::size_t most = 0;
  for (std::size_t sent = 0; sent < size;) {
    co_await link->wait_writable();
    std::size_t count = std::min(block.size(), size - sent);
    sent += link->write_some(Bytes(block).first(count));
    most = std::max(most, link->backlog());
  }
  link->finish_writing();
  std::string text = co_await read_all(*link);
  expect(std::stoull(text) == size, "arrived: " + text);
  std::cout << "up " << static_cast<int>(size / 1e6 / (now() - start))
            << " MB/s, backlog at most " << most << "\n";
}

constexpr std::size_t kFlood = 4000000;

// The far end must be able to take kFlood bytes.
awaitable<void> flood_link(mux::Link& link, std::size_t limit) {
  std::vector<std::byte> block(std::min<std::size_t>(limit, 16384));
  link.limit_backlog(limit);
  std::size_t most = 0;
  for (std::size_t sent = 0; sent < kFlood;) {
    co_await link.wait_writable();
    std::size_t count = std::min(block.size(), kFlood - sent);
    sent += link.write_some(Bytes(block).first(count));
    most = std::max(most, link.backlog());
  }
  std::cerr << "backlog at most " << most << std::endl;
  link.finish_writing();
}

awaitable<void> flood(Transport& transport, std::size_t limit) {
  auto link = co_await transport.exec("wc -c");
  double start = now();
  co_await flood_link(*link, limit);
  std::string text = co_await read_all(*link);
  expect(std::stoull(text) == kFlood, "arrived: " + text);
  std::cout << "flood " << kFlood / 1e6 / (now() - start) << " MB/s\n";
}

awaitable<void> drain(Transport& transport, std::string limit) {
  auto program = std::filesystem::read_symlink("/proc/self/exe").string();
  auto link =
      co_await transport.exec(concat("exec ", program, " x far ", limit));
  double start = now();
  std::string text = co_await read_all(*link);
  expect(text.size() == kFlood, concat("got ", text.size(), " bytes"));
  std::cout << "drain " << kFlood / 1e6 / (now() - start) << " MB/s\n";
}

awaitable<void> far_end(std::size_t limit, int& status) {
  mux::FdLink link(co_await asio::this_coro::executor, UniqueFd(STDIN_FILENO),
                   UniqueFd(STDOUT_FILENO));
  co_await flood_link(link, limit);
  status = 0;
}

awaitable<void> twice(Transport& transport) {
  auto one = co_await transport.exec("sed s/^/one:/");
  auto two = co_await transport.exec("sed s/^/two:/");
  co_await write_all(*one, as_bytes("a\n"));
  co_await write_all(*two, as_bytes("b\n"));
  two->finish_writing();
  std::string second = co_await read_all(*two);
  one->finish_writing();
  std::string first = co_await read_all(*one);
  expect(first == "one:a\n" && second == "two:b\n", first + second);
  std::cout << "twice ok\n";
}

awaitable<void> expect_aborted(mux::Link& link, int& aborted,
                               transport::Wakeup& done) {
  try {
    co_await link.read();
  } catch (const asio::system_error& error) {
    if (error.code() == asio::error::operation_aborted) ++aborted;
  }
  done.notify();
}

awaitable<void> close_while_waiting(Transport& transport) {
  auto executor = co_await asio::this_coro::executor;
  int aborted = 0;
  transport::Wakeup done;
  for (bool whole : {false, true}) {
    auto link = co_await transport.exec("exec sleep 60");
    spawn(executor, "reader", expect_aborted(*link, aborted, done));
    asio::steady_timer timer(executor, std::chrono::milliseconds(50));
    co_await timer.async_wait(as_tuple);
    int before = aborted;
    if (whole) {
      transport.close();
    } else {
      link->close();
      link->close();
    }
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (aborted == before) {
      bool woken = co_await done.wait(deadline);
      expect(woken, "reading goes on after close()");
    }
  }
  std::cout << "close ok\n";
}

// The helper's first frames are the mux's business; here it only has to run.
awaitable<void> start(Transport& transport, std::string host) {
  double begin = now();
  auto started =
      co_await start_helper(transport, std::move(host), embedded_helper());
  std::cout << "started in " << static_cast<int>((now() - begin) * 1e3)
            << " ms\n";
}

awaitable<void> act(Job& job, Transport& transport) {
  auto megabytes = [&] { return std::stoull(job.argument) * 1000000; };
  if (job.action == "exec") {
    auto link = co_await transport.exec(job.argument);
    std::string text = co_await read_all(*link);
    std::cout << text;
  } else if (job.action == "echo") {
    co_await echo(transport, megabytes());
  } else if (job.action == "down") {
    co_await down(transport, megabytes());
  } else if (job.action == "up") {
    co_await up(transport, megabytes());
  } else if (job.action == "flood") {
    co_await flood(transport, std::stoull(job.argument));
  } else if (job.action == "drain") {
    co_await drain(transport, job.argument);
  } else if (job.action == "twice") {
    co_await twice(transport);
  } else if (job.action == "close") {
    co_await close_while_waiting(transport);
  } else {
    expect(job.action == "start", "no such action");
    co_await start(transport, job.request.ssh.host);
  }
}

awaitable<void> run(Job& job) {
  try {
    double begin = now();
    auto transport = co_await transport::open(job.request);
    log::info(transport->name(), " open in ",
              static_cast<int>((now() - begin) * 1e3), " ms");
    for (const Endpoint& hop : transport->first_hop()) {
      log::info("first hop ", hop);
    }
    co_await act(job, *transport);
    if (transport->peer()) log::info("peer ", *transport->peer());
    transport->close();
    job.status = 0;
  } catch (const transport::Interrupted& interrupted) {
    job.status = 128 + interrupted.signal();
  } catch (const std::exception& error) {
    std::cerr << "driver: " << error.what() << "\n";
  }
}

Job parse(int argc, char** argv) {
  Job job;
  transport::SshOptions& ssh = job.request.ssh;
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i];
    if (!flag.starts_with('-') || !words.empty() || i + 1 == argc) {
      words.push_back(flag);
      continue;
    }
    std::string value = argv[++i];
    if (flag == "-F") ssh.config_file = value;
    if (flag == "-i") ssh.identities.push_back(value);
    if (flag == "-o") ssh.settings.push_back(value);
    if (flag == "-p") ssh.port = parse_port(value);
    if (flag == "-e") {
      std::istringstream text(value);
      for (std::string word; text >> word;) ssh.ssh_command.push_back(word);
    }
    if (value == "libssh") job.request.kind = transport::Kind::kLibssh;
    if (value == "openssh") job.request.kind = transport::Kind::kOpenssh;
  }
  words.resize(3);
  std::size_t at = words[0].find('@');
  if (at != std::string::npos) {
    ssh.user = words[0].substr(0, at);
    std::size_t colon = ssh.user.find(':');
    if (colon != std::string::npos) {
      ssh.password = ssh.user.substr(colon + 1);
      ssh.user.resize(colon);
    }
  }
  ssh.host = words[0].substr(at + 1);
  job.action = words[1];
  job.argument = words[2];
  return job;
}

}  // namespace
}  // namespace ginnel

int main(int argc, char** argv) {
  using namespace ginnel;
  if (argc > 1 && std::strcmp(argv[1], transport::kPassFdFlag) == 0) {
    return transport::pass_fd_main();
  }
  if (transport::is_askpass()) return transport::askpass_main(argc, argv);
  if (std::getenv("VERBOSE")) log::set_level(log::Level::kTrace);
  Job job = parse(argc, argv);
  if (job.action == "script") {
    std::cout << start_script::command("00ff", std::stoul(job.argument), 4096);
    return 0;
  }
  if (job.action == "check") {
    auto checked = transport::check(job.request.ssh, job.request.kind);
    if (!checked) std::cerr << "driver: " << checked.error().message() << "\n";
    return checked ? 0 : 2;
  }
  if (job.action == "far") {
    asio::io_context io{1};
    int status = 1;
    spawn(io.get_executor(), "far", far_end(std::stoul(job.argument), status));
    io.run();
    return status;
  }
  job.request.stderr_line = [](std::string_view line) {
    std::cerr << "far: " << line << "\n";
  };
  asio::io_context io{1};
  spawn(io.get_executor(), "job", run(job));
  io.run();
  for (const std::string& task : running_tasks()) {
    std::cerr << "still running: " << task << "\n";
    job.status = 99;
  }
  return job.status;
}
