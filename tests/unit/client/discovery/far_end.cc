// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/client/discovery/far_end.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/unique_fd.h"
#include "mux/fd_link.h"
#include "mux/spawn.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<mux::Link> link(asio::io_context& io, int fd) {
  return std::make_unique<mux::FdLink>(io.get_executor(), UniqueFd(fd),
                                       UniqueFd(::dup(fd)));
}

awaitable<void> run_connection(mux::Connection& connection) {
  co_await connection.run();
}

awaitable<void> run_and_tell(awaitable<void> task, bool& ended) {
  co_await std::move(task);
  ended = true;
}

}  // namespace

void FarEnd::Served::say(Bytes bytes) {
  unsaid_.insert(unsaid_.end(), bytes.begin(), bytes.end());
  stream_->readable();
}

void FarEnd::Served::finish_saying() {
  finished_ = true;
  stream_->readable();
}

mux::StreamHandler::ReadResult FarEnd::Served::read(MutableBytes room) {
  std::size_t count = std::min(room.size(), unsaid_.size());
  if (count == 0 && finished_) return ReadResult(ReadStatus::kEndOfFile);
  std::copy_n(unsaid_.begin(), count, room.begin());
  unsaid_.erase(unsaid_.begin(),
                unsaid_.begin() + static_cast<std::ptrdiff_t>(count));
  bool drained = unsaid_.empty() && !finished_;
  return ReadResult(drained ? ReadStatus::kDrained : ReadStatus::kData, count);
}

std::size_t FarEnd::Served::write(Bytes bytes) {
  std::size_t size = bytes.size();
  heard.insert(heard.end(), bytes.begin(), bytes.end());
  answer(*this);
  return size;
}

FarEnd::FarEnd() {
  log::set_sink(
      [this](log::Level, std::string_view line) { said.emplace_back(line); });
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  using Role = mux::Session::Role;
  mux::Connection::Owner& owner = *this;
  client_.emplace(executor(), Role::kClient, owner, link(io_, ends[0]),
                  std::vector<std::byte>());
  helper_.emplace(executor(), Role::kHelper, owner, link(io_, ends[1]),
                  std::vector<std::byte>());
  spawn(executor(), "client", run_connection(*client_));
  spawn(executor(), "helper", run_connection(*helper_));
}

FarEnd::~FarEnd() {
  streams.clear();
  client_->session().reset_streams();
  client_.reset();
  helper_.reset();
  log::set_sink([](log::Level, std::string_view) {});
}

FarEnd::Served& FarEnd::served() {
  turn([this] { return !streams.empty(); });
  return *streams.back();
}

void FarEnd::turn(const std::function<bool()>& done,
                  std::chrono::seconds limit) {
  auto end = std::chrono::steady_clock::now() + limit;
  while (!done() && std::chrono::steady_clock::now() < end) {
    io_.restart();
    io_.run_one_for(10ms);
  }
  REQUIRE(done());
}

void FarEnd::settle() {
  io_.restart();
  while (io_.poll_one() > 0) {
  }
}

void FarEnd::run(awaitable<void> task) {
  bool ended = false;
  spawn(executor(), "task", run_and_tell(std::move(task), ended));
  turn([&] { return ended; });
}

bool FarEnd::has_said(std::string_view words) const {
  return std::any_of(said.begin(), said.end(), [words](const auto& line) {
    return line.find(words) != line.npos;
  });
}

std::shared_ptr<mux::StreamHandler> FarEnd::open_requested(
    mux::Stream& stream, const mux::Target& target) {
  streams.push_back(std::make_shared<Served>(stream, target.service));
  streams.back()->answer = [this](Served& served) { answer(served); };
  stream.accept();
  return streams.back();
}

}  // namespace ginnel
