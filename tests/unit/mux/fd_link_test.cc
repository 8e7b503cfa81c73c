// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/fd_link.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <chrono>
#include <functional>
#include <vector>

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

enum class Kind { kPipe, kSocket };

// A link whose output somebody reads at `far`, and whose input somebody writes
// at `source`.
class Bench {
 public:
  explicit Bench(Kind kind) {
    int out[2];
    int in[2];
    if (kind == Kind::kPipe) {
      REQUIRE(pipe2(out, O_CLOEXEC) == 0);
    } else {
      REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) == 0);
    }
    REQUIRE(pipe2(in, O_CLOEXEC) == 0);
    far.reset(out[0]);
    source.reset(in[1]);
    link = std::make_unique<FdLink>(io.get_executor(), UniqueFd(in[0]),
                                    UniqueFd(out[1]));
  }

  // Lets the loop work until `done`, which is asked whenever the loop has
  // nothing left to do, for five seconds at most.
  void turn(const std::function<bool()>& done) {
    auto end = Clock::now() + 5s;
    while (!done() && Clock::now() < end) {
      io.restart();
      if (io.poll() == 0) io.run_one_for(1ms);
    }
    REQUIRE(done());
  }

  // The kernel's own count of what the far end has not read.
  std::size_t unread() const {
    int count = 0;
    REQUIRE(ioctl(far.get(), FIONREAD, &count) == 0);
    return static_cast<std::size_t>(count);
  }

  // The far end takes at most `count` bytes of the pattern and checks them.
  void take(std::size_t count) {
    count = std::min({count, unread(), room_.size()});
    if (count == 0) return;
    REQUIRE(::read(far.get(), room_.data(), count) ==
            static_cast<ssize_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
      if (room_[i] != pattern(taken++)) FAIL("the bytes differ");
    }
  }

  static std::byte pattern(std::size_t at) {
    return static_cast<std::byte>(at * 31 >> 3);
  }

  asio::io_context io{1};
  UniqueFd far;
  UniqueFd source;
  std::unique_ptr<FdLink> link;
  std::size_t taken = 0;

 private:
  std::array<std::byte, 65536> room_;
};

// Writes `total` bytes of the pattern, `piece` at once, and tells the most that
// the far end had not read.
awaitable<void> flood(Bench& bench, std::size_t total, std::size_t piece,
                      std::size_t& most) {
  std::vector<std::byte> bytes;
  for (std::size_t sent = 0; sent < total;) {
    co_await bench.link->wait_writable();
    bytes.clear();
    for (std::size_t i = sent; i < std::min(total, sent + piece); ++i) {
      bytes.push_back(Bench::pattern(i));
    }
    sent += bench.link->write_some(bytes);
    most = std::max(most, bench.unread());
  }
}

awaitable<void> note_end(awaitable<void> task, std::error_code& end) {
  try {
    co_await std::move(task);
  } catch (const asio::system_error& error) {
    end = error.code();
  }
}

awaitable<void> read_once(FdLink& link) { co_await link.read(); }

TEST_CASE("fd link: what a slow reader leaves stays within the limit") {
  for (Kind kind : {Kind::kPipe, Kind::kSocket}) {
    for (std::size_t limit : {1024, 4096, 16384, 40000, 200000}) {
      for (std::size_t piece : {100, 1024, 16384}) {
        if (piece > limit) continue;
        CAPTURE(static_cast<int>(kind));
        CAPTURE(limit);
        CAPTURE(piece);
        Bench bench(kind);
        bench.link->limit_backlog(limit);
        std::size_t most = 0;
        const std::size_t total = 20 * limit;
        spawn(bench.io.get_executor(), "flood",
              flood(bench, total, piece, most));
        bench.turn([&] {
          bench.take(limit / 7 + 1);
          return bench.taken == total;
        });
        CHECK(most <= limit + piece);
        CHECK(most >= limit / 8);
      }
    }
  }
}

TEST_CASE("fd link: the kernel's own figure is told") {
  for (Kind kind : {Kind::kPipe, Kind::kSocket}) {
    Bench bench(kind);
    std::vector<std::byte> bytes(10000);
    CHECK(bench.link->backlog() == 0);
    CHECK(bench.link->write_some(bytes) == bytes.size());
    CHECK(bench.link->backlog() >= bytes.size());
    CHECK(bench.link->backlog() < 2 * bytes.size());
  }
}

TEST_CASE("fd link: a lower limit is waited for, and a higher one used") {
  for (Kind kind : {Kind::kPipe, Kind::kSocket}) {
    Bench bench(kind);
    bench.link->limit_backlog(64000);
    std::size_t most = 0;
    spawn(bench.io.get_executor(), "flood", flood(bench, 300000, 1000, most));
    bench.turn([&] { return bench.io.poll() == 0; });
    std::size_t before = bench.unread();
    CHECK(before > 10000);
    bench.link->limit_backlog(4096);
    bench.io.poll();
    CHECK(bench.unread() <= before + 1000);
    bench.turn([&] {
      bench.take(500);
      return bench.unread() <= 4096;
    });
    most = 0;
    bench.turn([&] {
      bench.take(500);
      return bench.taken >= 150000;
    });
    CHECK(most <= 4096 + 1000);
    bench.link->limit_backlog(64000);
    bench.turn([&] {
      bench.take(500);
      return bench.unread() > 10000;
    });
    bench.turn([&] {
      bench.take(500);
      return bench.taken == 300000;
    });
  }
}

TEST_CASE("fd link: a pipe too large for its limit ends with its reader") {
  Bench bench(Kind::kPipe);
  std::vector<std::byte> bytes(60000);
  CHECK(bench.link->write_some(bytes) == bytes.size());
  bench.link->limit_backlog(4096);
  CHECK_FALSE(bench.link->writable());
  std::error_code end;
  spawn(bench.io.get_executor(), "writer",
        note_end(bench.link->wait_writable(), end));
  bench.io.poll();
  CHECK(!end);
  bench.far.reset();
  bench.turn([&] { return static_cast<bool>(end); });
  CHECK(end == asio::error::broken_pipe);
}

awaitable<void> read_all(Bench& bench, std::size_t& reads) {
  for (;; ++reads) {
    Bytes got = co_await bench.link->read();
    if (got.empty()) co_return;
    // The input never runs dry.
    REQUIRE(::write(bench.source.get(), got.data(), got.size()) ==
            static_cast<ssize_t>(got.size()));
  }
}

TEST_CASE("fd link: a busy input lets others have a turn") {
  Bench bench(Kind::kPipe);
  REQUIRE(::write(bench.source.get(), "busy", 4) == 4);
  std::size_t reads = 0;
  spawn(bench.io.get_executor(), "reader", read_all(bench, reads));
  for (std::size_t turns = 1; turns < 20; ++turns) {
    bool had_turn = false;
    asio::post(bench.io, [&] { had_turn = true; });
    while (!had_turn) bench.io.run_one();
    REQUIRE(reads <= 8 * turns);
  }
  bench.link->close();
  bench.turn([&] { return bench.io.stopped(); });
}

TEST_CASE("fd link: closing ends both waits") {
  for (Kind kind : {Kind::kPipe, Kind::kSocket}) {
    Bench bench(kind);
    std::vector<std::byte> bytes(1 << 20);
    CHECK(bench.link->write_some(bytes) < bytes.size());
    CHECK_FALSE(bench.link->writable());
    std::error_code reading;
    std::error_code writing;
    spawn(bench.io.get_executor(), "reader",
          note_end(read_once(*bench.link), reading));
    spawn(bench.io.get_executor(), "writer",
          note_end(bench.link->wait_writable(), writing));
    bench.io.poll();
    CHECK(!reading);
    CHECK(!writing);
    bench.link->close();
    bench.turn([&] { return reading && writing; });
    CHECK(reading == asio::error::operation_aborted);
    CHECK(writing == asio::error::operation_aborted);
  }
}

}  // namespace
}  // namespace ginnel::mux
