// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/lanes.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "mux/attach_link.h"
#include "mux/fd_link.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

constexpr const char* kName = "ginnel-00112233445566778899aabbccddeeff";

// A client and a helper in one loop, and a transport whose further channels
// end in the helper's half of the handshake.
class Far : public mux::Connection::Owner, private transport::Transport {
 public:
  Far() {
    std::signal(SIGPIPE, SIG_IGN);  // as the programs do
    log::set_sink([this](log::Level, std::string_view line) {
      said.push_back(std::string(line));
    });
    auto [near, far] = link_pair();
    client.emplace(executor(), mux::Session::Role::kClient, *this,
                   std::move(near), std::vector<std::byte>());
    helper.emplace(executor(), mux::Session::Role::kHelper, *this,
                   std::move(far), std::vector<std::byte>());
    spawn(executor(), "client", run(*client));
    spawn(executor(), "helper", run(*helper));
    lanes = Lanes::start(executor(), *this, *client);
  }
  ~Far() override {
    lanes->close();
    held.clear();
    log::set_sink([](log::Level, std::string_view) {});
    client.reset();
    helper.reset();
  }

  // Lets everything work until `done`, for five seconds at most.
  void turn(const std::function<bool()>& done) {
    auto end = std::chrono::steady_clock::now() + 5s;
    while (!done() && std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_one_for(10ms);
    }
    REQUIRE(done());
  }
  // Until nothing is left to be done at once.
  void settle() {
    io.restart();
    while (io.poll_one() > 0) {
    }
  }
  bool has_said(std::string_view words) const {
    for (const std::string& line : said) {
      if (line.find(words) != line.npos) return true;
    }
    return false;
  }

  asio::io_context io{1};
  std::optional<mux::Connection> client, helper;
  std::shared_ptr<Lanes> lanes;
  std::vector<std::string> said;
  std::vector<std::string> commands;
  // How the far end behaves.
  std::string no_attaching;  // it cannot be joined
  std::string no_channel;    // the server gives no further channel
  bool other_key = false;    // whoever answers is not the helper
  bool silent = false;       // nobody answers
  bool channels_are_logins = false;
  std::vector<std::unique_ptr<mux::Link>> held;
  bool answered = false;  // the client knows where to join

 private:
  asio::any_io_executor executor() { return io.get_executor(); }
  std::pair<std::unique_ptr<mux::Link>, std::unique_ptr<mux::Link>>
  link_pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    auto link_on = [this](int fd) {
      int copy = ::dup(fd);
      return std::make_unique<mux::FdLink>(executor(), UniqueFd(fd),
                                           UniqueFd(copy));
    };
    return {link_on(ends[0]), link_on(ends[1])};
  }
  static awaitable<void> run(mux::Connection& connection) {
    co_await connection.run();
  }

  awaitable<std::unique_ptr<mux::Link>> exec(std::string command) override {
    commands.push_back(command);
    if (!no_channel.empty()) throw transport::Failure(no_channel);
    auto [near, far] = link_pair();
    if (silent) {
      held.push_back(std::move(far));
    } else {
      spawn(executor(), "far end", join(std::move(far)));
    }
    co_return std::move(near);
  }
  awaitable<void> join(std::unique_ptr<mux::Link> link) {
    mux::SessionKey key = key_;
    if (other_key) key.key.fill(std::byte{0});
    mux::AttachHelper handshake(
        key, mux::AttachNonce(),
        [](const mux::Attach&) -> Result<mux::Position> {
          return mux::Position{0};
        });
    mux::Attached as;
    auto proved = co_await mux::attach_over(*link, handshake, as);
    if (proved) helper->add_lane(std::move(link), handshake.take_rest());
  }
  bool multiplexes() const override { return !channels_are_logins; }
  std::string_view name() const override { return "fake"; }
  std::optional<Endpoint> peer() const override { return {}; }
  std::vector<Endpoint> first_hop() const override { return {}; }
  void close() override {}

  std::shared_ptr<mux::StreamHandler> open_requested(
      mux::Stream&, const mux::Target&) override {
    return nullptr;
  }
  void remote_log(log::Level, std::string_view) override {}
  void suspicion(bool) override {}
  void key_received(const mux::SessionKey& key) override {
    key_ = key;
    mux::Attachable where;
    where.reason = no_attaching;
    if (no_attaching.empty()) where.pid = 4711, where.name = kName;
    helper->session().send_attachable(where);
  }
  void attachable(const mux::Attachable& where) override {
    lanes->attachable(where);
    answered = true;
  }

  mux::SessionKey key_;
};

}  // namespace

TEST_CASE("lanes: one more is opened when more window is wanted") {
  Far far;
  far.lanes->window_wanted();  // too soon: the helper has not said where
  far.turn([&] { return far.answered; });
  CHECK(far.commands.empty());
  far.lanes->window_wanted();
  far.lanes->window_wanted();  // one at a time
  far.turn([&] { return far.helper->lanes() == 2; });
  CHECK(far.client->lanes() == 2);
  REQUIRE(far.commands.size() == 1);
  CHECK(far.commands[0] == concat("exec /proc/4711/exe --attach ", kName));
}

TEST_CASE("lanes: eight in all") {
  Far far;
  far.turn([&] { return far.answered; });
  for (std::size_t count = 2; count <= Lanes::kMaxLanes; ++count) {
    far.lanes->window_wanted();
    far.turn([&] { return far.helper->lanes() == count; });
    far.settle();
  }
  far.lanes->window_wanted();
  far.settle();
  CHECK(far.commands.size() == Lanes::kMaxLanes - 1);
}

TEST_CASE("lanes: a server that gives no more is asked once") {
  Far far;
  far.no_channel = "the server gives no ssh session: open failed";
  far.turn([&] { return far.answered; });
  for (int i = 0; i < 3; ++i) {
    far.lanes->window_wanted();
    far.settle();
  }
  CHECK(far.commands.size() == 1);
  CHECK(far.said.size() == 1);
  CHECK(
      far.has_said("goes on with the 1 channel that it has: the server "
                   "gives no ssh session: open failed"));
  CHECK(far.client->lanes() == 1);
}

TEST_CASE("lanes: whoever has not the key does not get one") {
  Far far;
  far.other_key = true;
  far.turn([&] { return far.answered; });
  far.lanes->window_wanted();
  far.turn([&] { return far.has_said("does not hold the session's key"); });
  far.settle();
  CHECK(far.client->lanes() == 1);
  far.lanes->window_wanted();
  far.settle();
  CHECK(far.commands.size() == 1);
}

TEST_CASE("lanes: a far end that cannot be joined is not tried") {
  Far far;
  far.no_attaching = "no abstract sockets\x1b there";
  far.turn([&] { return far.answered; });
  far.lanes->window_wanted();
  far.settle();
  CHECK(far.commands.empty());
  CHECK(far.has_said("no abstract sockets\\x1b there"));
}

TEST_CASE("lanes: no further login is made for one") {
  Far far;
  far.channels_are_logins = true;
  far.turn([&] { return far.answered; });
  far.lanes->window_wanted();
  far.settle();
  CHECK(far.commands.empty());
}

TEST_CASE("lanes: the session's end ends one that is being opened, silently") {
  Far far;
  far.silent = true;
  far.turn([&] { return far.answered; });
  far.lanes->window_wanted();
  far.turn([&] { return !far.held.empty(); });
  far.lanes->close();
  far.held.clear();  // as the transport's close does
  far.turn([] {
    auto tasks = running_tasks();
    return std::count(tasks.begin(), tasks.end(), "opening a lane") == 0;
  });
  CHECK(far.said.empty());
  CHECK(far.client->lanes() == 1);
}

}  // namespace ginnel
