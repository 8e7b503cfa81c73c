// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/unix_socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace ginnel {
namespace {

struct Pair {
  Pair() {
    auto made = seqpacket_pair();
    REQUIRE(made.has_value());
    near = std::move(made->first);
    far = std::move(made->second);
  }
  UniqueFd near, far;
};

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

}  // namespace

TEST_CASE("base: messages keep their borders") {
  Pair pair;
  REQUIRE(send_message(pair.near.get(), as_bytes("one")));
  REQUIRE(send_message(pair.near.get(), as_bytes("twelve")));
  for (const char* wanted : {"one", "twelve"}) {
    auto message = receive_message(pair.far.get(), 16, Passing::kRefuse);
    REQUIRE(message.has_value());
    REQUIRE(message->has_value());
    CHECK(as_text((*message)->bytes) == wanted);
  }
}

TEST_CASE("base: a message one byte too long is an error, not half of it") {
  Pair pair;
  REQUIRE(send_message(pair.near.get(), as_bytes("12345678")));
  REQUIRE(send_message(pair.near.get(), as_bytes("123456789")));
  CHECK(receive_message(pair.far.get(), 8, Passing::kRefuse).has_value());
  CHECK_FALSE(receive_message(pair.far.get(), 8, Passing::kRefuse).has_value());
}

TEST_CASE("base: the other end's close is the end") {
  Pair pair;
  pair.near.reset();
  auto message = receive_message(pair.far.get(), 8, Passing::kRefuse);
  REQUIRE(message.has_value());
  CHECK_FALSE(message->has_value());
}

TEST_CASE("base: a descriptor comes along, and stays ours alone") {
  Pair pair;
  int pipe_ends[2];
  REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
  UniqueFd reader(pipe_ends[0]), writer(pipe_ends[1]);
  REQUIRE(send_message(pair.near.get(), as_bytes("fd"), writer.get()));
  writer.reset();

  auto message = receive_message(pair.far.get(), 8, Passing::kAccept);
  REQUIRE(message.has_value());
  REQUIRE(message->has_value());
  UniqueFd& passed = (*message)->passed;
  REQUIRE(passed);
  CHECK((fcntl(passed.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(::write(passed.get(), "x", 1) == 1);
  char byte = 0;
  CHECK(::read(reader.get(), &byte, 1) == 1);
  CHECK(byte == 'x');
}

TEST_CASE("base: a descriptor that was not to come is refused and closed") {
  Pair pair;
  int pipe_ends[2];
  REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
  UniqueFd reader(pipe_ends[0]), writer(pipe_ends[1]);
  REQUIRE(send_message(pair.near.get(), as_bytes("fd"), writer.get()));
  writer.reset();
  CHECK_FALSE(receive_message(pair.far.get(), 8, Passing::kRefuse).has_value());
  // No copy of the writing end is open any more.
  char byte;
  CHECK(::read(reader.get(), &byte, 1) == 0);
  CHECK(is_open(pair.far.get()));
}

}  // namespace ginnel
