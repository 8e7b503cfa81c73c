// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/helper/service_pair.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/unique_fd.h"
#include "helper/services/serve.h"
#include "mux/fd_link.h"
#include "mux/spawn.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<mux::Link> link(asio::io_context& io, int fd) {
  return std::make_unique<mux::FdLink>(io.get_executor(), UniqueFd(fd),
                                       UniqueFd(::dup(fd)));
}

awaitable<void> run(mux::Connection& connection) { co_await connection.run(); }

}  // namespace

void Asker::allow(std::size_t bytes) {
  appetite_ = bytes;
  if (stream_) stream_->writable();
}

void Asker::reset() { std::exchange(stream_, nullptr)->reset(); }

void Asker::say(Bytes more) {
  request_.insert(request_.end(), more.begin(), more.end());
  if (stream_) stream_->readable();
}

mux::StreamHandler::ReadResult Asker::read(MutableBytes room) {
  std::size_t count = std::min(room.size(), request_.size());
  if (count == 0 && finishes_) return ReadResult(ReadStatus::kEndOfFile);
  std::copy_n(request_.begin(), count, room.begin());
  request_.erase(request_.begin(),
                 request_.begin() + static_cast<std::ptrdiff_t>(count));
  return ReadResult(finishes_ ? ReadStatus::kData : ReadStatus::kDrained,
                    count);
}

std::size_t Asker::write(Bytes bytes) {
  std::size_t count = std::min(bytes.size(), appetite_);
  received_.insert(received_.end(), bytes.begin(),
                   bytes.begin() + static_cast<std::ptrdiff_t>(count));
  appetite_ -= count;
  return count;
}

void Asker::ended(mux::StreamEnd end) {
  stream_ = nullptr;
  end_ = end;
}

ServicePair::ServicePair() {
  std::signal(SIGPIPE, SIG_IGN);  // as both programs do
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  client_link_ = ends[0];
  using Role = mux::Session::Role;
  client_.emplace(io_.get_executor(), Role::kClient, *this, link(io_, ends[0]),
                  std::vector<std::byte>());
  helper_.emplace(io_.get_executor(), Role::kHelper, *this, link(io_, ends[1]),
                  std::vector<std::byte>());
  spawn(io_.get_executor(), "client", run(*client_));
  spawn(io_.get_executor(), "helper", run(*helper_));
}

ServicePair::~ServicePair() {
  ::shutdown(client_link_, SHUT_RDWR);
  bool ended = turn([] { return running_tasks().empty(); });
  for (const std::string& task : running_tasks()) FAIL_CHECK(task);
  CHECK(ended);
}

std::shared_ptr<Asker> ServicePair::open(mux::Service service,
                                         std::vector<std::byte> request,
                                         bool finishes) {
  auto asker = std::make_shared<Asker>(std::move(request), finishes);
  asker->stream_ = client_->session().open(mux::Target(service), asker);
  REQUIRE(asker->stream_ != nullptr);
  asker->stream_->readable();
  return asker;
}

bool ServicePair::turn(const std::function<bool()>& done,
                       std::chrono::milliseconds limit) {
  auto end = std::chrono::steady_clock::now() + limit;
  bool finished = done();
  while (!finished && std::chrono::steady_clock::now() < end) {
    io_.restart();
    io_.run_one_for(10ms);
    finished = done();
  }
  return finished;
}

std::shared_ptr<mux::StreamHandler> ServicePair::open_requested(
    mux::Stream& stream, const mux::Target& target) {
  return serve_own(io_.get_executor(), stream, target.service);
}

}  // namespace ginnel
