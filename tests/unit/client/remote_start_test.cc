// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/remote_start.h"

#include <doctest/doctest.h>

#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/system_error.hpp>
#include <deque>

#include "client/start_script.h"
#include "client/transport/wakeup.h"

using namespace ginnel;
using start_script::AnswerReader;

namespace {

constexpr std::string_view kReady =
    "ginnel-helper ready " GINNEL_VERSION " cafe\n";

// What the far end does: prints one piece, and, once it was sent as many bytes
// as `after`, the next.
struct Piece {
  std::string text;  // NONCE is put in
  std::size_t after = 0;
  Piece(std::string what, std::size_t when)
      : text(std::move(what)), after(when) {}
};

struct FarEnd {
  std::deque<Piece> pieces;
  std::size_t received = 0;
  bool closed = false;
  std::string nonce;
};

class FakeLink : public mux::Link {
 public:
  explicit FakeLink(FarEnd& far) : far_(far) {}

  awaitable<Bytes> read() override {
    for (;;) {
      if (far_.closed) {
        throw asio::system_error(asio::error::operation_aborted);
      }
      if (far_.pieces.empty()) co_return Bytes();
      if (far_.received >= far_.pieces.front().after) break;
      co_await sent_.wait();
    }
    text_ = far_.pieces.front().text;
    far_.pieces.pop_front();
    std::size_t at = text_.find("NONCE");
    if (at != std::string::npos) text_.replace(at, 5, far_.nonce);
    co_return as_bytes(text_);
  }
  awaitable<void> wait_writable(std::size_t) override { co_return; }
  std::size_t write_some(Bytes bytes) override {
    std::size_t taken = std::min<std::size_t>(bytes.size(), 3);
    far_.received += taken;
    sent_.notify();
    return taken;
  }
  void finish_writing() override {}
  void close() override { far_.closed = true; }
  bool writable(std::size_t) const override { return true; }
  std::size_t backlog() const override { return 0; }
  void limit_backlog(std::size_t) override {}
  std::size_t window() const override { return 1 << 20; }

 private:
  FarEnd& far_;
  transport::Wakeup sent_;
  std::string text_;
};

class FakeTransport : public transport::Transport {
 public:
  explicit FakeTransport(FarEnd& far) : far_(far) {}
  awaitable<std::unique_ptr<mux::Link>> exec(std::string command) override {
    std::size_t at = command.find("n=") + 2;
    far_.nonce = command.substr(at, command.find(';', at) - at);
    co_return std::make_unique<FakeLink>(far_);
  }
  bool multiplexes() const override { return true; }
  std::string_view name() const override { return "fake"; }
  std::optional<Endpoint> peer() const override { return {}; }
  std::vector<Endpoint> first_hop() const override { return {}; }
  void close() override {}

 private:
  FarEnd& far_;
};

constexpr std::string_view kPacked = "packed helper";

awaitable<void> start_into(FarEnd& far, std::string& outcome) {
  FakeTransport transport(far);
  HelperImage image;
  image.packed = as_bytes(kPacked);
  image.build_id = "cafe";
  image.machine = "x86_64";
  try {
    auto started = co_await start_helper(transport, "box", image);
    outcome = "started, early: " + std::string(as_text(started.early));
  } catch (const transport::Failure& failure) {
    outcome = failure.what();
  }
}

// What start_helper makes of a far end.
std::string outcome_of(FarEnd& far) {
  asio::io_context io{1};
  std::string outcome;
  spawn(io.get_executor(), "start", start_into(far, outcome));
  io.run();
  return outcome;
}

FarEnd far_end(std::initializer_list<Piece> pieces) {
  FarEnd far;
  far.pieces = pieces;
  return far;
}

const Piece kMachine("ginnel-NONCE:machine Linux x86_64\n", 0);
const Piece kGo("ginnel-NONCE:ready\n", 0);

}  // namespace

TEST_CASE("start script: nothing in it that a login shell would take") {
  std::string line = start_script::command("00ff", 1234, 5000);
  REQUIRE(line.starts_with("exec sh -c '"));
  REQUIRE(line.ends_with("'"));
  std::string inside = line.substr(12, line.size() - 13);
  CHECK(inside.find_first_of("'\\!\n") == std::string::npos);
  CHECK(inside.find("00ff") != std::string::npos);
  CHECK(inside.find("1234") != std::string::npos);
}

TEST_CASE("start script: an echo of the command is no answer") {
  AnswerReader reader("00ff");
  reader.add(start_script::command("00ff", 1234, 5000) + "\n");
  auto answer = reader.next();
  REQUIRE(answer);
  CHECK(!*answer);
}

TEST_CASE("start script: an answer is found after any text, at any cut") {
  std::string text = "Welcome!\nginnel-\nno newlineginnel-00ff:machine A b\r\n";
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    CAPTURE(cut);
    AnswerReader reader("00ff");
    reader.add(text.substr(0, cut));
    auto early = reader.next();
    REQUIRE(early);
    CHECK(!*early);
    reader.add(text.substr(cut) + "rest");
    auto answer = reader.next();
    REQUIRE(answer);
    REQUIRE(*answer);
    CHECK((*answer)->word == "machine");
    CHECK((*answer)->rest == "A b");
    CHECK(reader.take_rest() == "rest");
  }
}

TEST_CASE("start script: endless text before the answer is an error") {
  AnswerReader reader("00ff");
  reader.add(std::string(AnswerReader::kMaxNoise + 1, 'x'));
  CHECK(!reader.next());
}

TEST_CASE("remote start: the helper starts, and its early bytes are kept") {
  std::string ready(kReady);
  FarEnd far = far_end({Piece("Last login: today\n$ ", 0), kMachine, kGo,
                        Piece(ready.substr(0, 10), kPacked.size()),
                        Piece(ready.substr(10) + "frame", 0)});
  CHECK(outcome_of(far) == "started, early: frame");
  CHECK(far.received == kPacked.size());
}

TEST_CASE("remote start: another machine is refused before the upload") {
  FarEnd far = far_end({Piece("ginnel-NONCE:machine Linux aarch64\n", 0), kGo});
  CHECK(outcome_of(far) ==
        "box is Linux aarch64, and this ginnel carries a helper for Linux "
        "x86_64 only");
  CHECK(far.received == 0);
}

TEST_CASE("remote start: each reason the far end gives is a sentence") {
  auto outcome = [](std::string answer) {
    FarEnd far = far_end({kMachine, Piece("ginnel-NONCE:" + answer + "\n", 0)});
    return outcome_of(far);
  };
  CHECK(outcome("failed no-mktemp") ==
        "box has no mktemp: install coreutils or busybox there");
  CHECK(outcome("failed no-gzip") ==
        "box has no gzip: install gzip or busybox there");
  CHECK(outcome("failed no-folder") ==
        "box has no folder that the user may write to");
  CHECK(outcome("failed no-folder /dev/shm /tmp") ==
        "box lets the user run programs from none of: /dev/shm /tmp (mounted "
        "noexec, or full): one of them must allow it");
}

TEST_CASE("remote start: a full disk is told in the far end's own words") {
  FarEnd far = far_end(
      {kMachine, kGo,
       Piece("ginnel-NONCE:failed unpack /tmp gzip: stdout: No space left\n",
             kPacked.size())});
  CHECK(outcome_of(far) ==
        "box could not unpack the helper in /tmp gzip: stdout: No space left");
}

TEST_CASE("remote start: another build than was sent is refused") {
  FarEnd far = far_end(
      {kMachine, kGo, Piece("ginnel-helper ready 9.9 cafe\n", kPacked.size())});
  CHECK(outcome_of(far).find("is not the one that was sent") !=
        std::string::npos);
}

TEST_CASE("remote start: a session that ends says what it said last") {
  FarEnd early = far_end({Piece("This account is not available.\n", 0)});
  CHECK(outcome_of(early) ==
        "box ended the session before the far shell's answer; it said: This "
        "account is not available.");
  FarEnd late = far_end({kMachine, kGo});
  CHECK(outcome_of(late) ==
        "box ended the session before the helper's first line");
}
