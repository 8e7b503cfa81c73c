// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/libssh_link.h"

#include <algorithm>
#include <asio/error.hpp>
#include <asio/system_error.hpp>
#include <chrono>

#include "base/strings.h"

namespace ginnel::transport {
namespace {

constexpr std::chrono::seconds kOpenLimit{20};
// One ordinary read; more is only asked for to widen the window.
constexpr std::uint32_t kReadSize = 256 << 10;
// The window is widened again when so much of it has been used.
constexpr std::uint32_t kWidenAfter = LibsshLink::kWindow / 8;
// sshd takes packets of 32 KiB; ten bytes of it are libssh's header.
constexpr std::size_t kMaxWrite = (32 << 10) - 64;

}  // namespace

LibsshLink::LibsshLink(std::shared_ptr<LibsshSession> session,
                       LineSink stderr_line)
    : session_(std::move(session)),
      stderr_line_(std::move(stderr_line)),
      buffer_(std::make_unique_for_overwrite<std::byte[]>(kWindow)),
      readable_(session_->executor(), Wakeup::TimePoint::max()),
      writable_(session_->executor(), Wakeup::TimePoint::max()) {}

awaitable<std::unique_ptr<LibsshLink>> LibsshLink::open(
    std::shared_ptr<LibsshSession> session, std::string command,
    LineSink stderr_line) {
  std::unique_ptr<LibsshLink> link(
      new LibsshLink(std::move(session), std::move(stderr_line)));
  co_await link->start(std::move(command));
  co_return link;
}

awaitable<void> LibsshLink::start(std::string command) {
  if (session_->closed()) throw Failure("the ssh session is closed");
  channel_ = ssh_channel_new(session_->raw());
  if (!channel_) throw Failure("out of memory");
  session_->attach(this);
  callbacks_.userdata = this;
  callbacks_.channel_data_function = on_data;
  ssh_callbacks_init(&callbacks_);
  ssh_add_channel_callbacks(channel_, &callbacks_);

  auto deadline = std::chrono::steady_clock::now() + kOpenLimit;
  auto open_channel = [this] { return ssh_channel_open_session(channel_); };
  int opened = co_await session_->step(open_channel, SSH_AGAIN, deadline,
                                       "opening an ssh channel");
  if (opened != SSH_OK) {
    throw Failure(concat("the server gives no ssh session: ",
                         printable(ssh_get_error(session_->raw()))));
  }
  const char* text = command.c_str();
  auto execute = [this, text] {
    return ssh_channel_request_exec(channel_, text);
  };
  int executed = co_await session_->step(execute, SSH_AGAIN, deadline,
                                         "starting a command over ssh");
  if (executed != SSH_OK) {
    throw Failure("the server does not let this user run commands");
  }
  first_window_ = ssh_channel_window_size(channel_);
}

LibsshLink::~LibsshLink() { close(); }

// A data callback that takes nothing leaves stdout to read().
int LibsshLink::on_data(ssh_session, ssh_channel, void* data,
                        std::uint32_t length, int is_stderr, void* self) {
  auto* link = static_cast<LibsshLink*>(self);
  if (!is_stderr) {
    link->unread_ = length;
    if (length > kWindow) {
      link->session_->condemn("the server sends more than it was allowed to");
    }
    return 0;
  }
  link->stderr_lines_.add({static_cast<const char*>(data), length});
  return static_cast<int>(length);
}

void LibsshLink::deliver_lines() {
  // The sink may end this link.
  auto session = session_;
  LineSink sink = stderr_line_;
  std::vector<std::string> lines;
  while (stderr_lines_.has_line()) lines.push_back(stderr_lines_.take_line());
  for (const std::string& line : lines) {
    if (sink) sink(line);
  }
}

void LibsshLink::check_usable() const {
  if (session_->condemned()) {
    throw asio::system_error(asio::error::connection_reset, session_->reason());
  }
  if (!channel_) throw asio::system_error(asio::error::operation_aborted);
  if (session_->broken()) {
    throw asio::system_error(asio::error::connection_reset, session_->reason());
  }
}

bool LibsshLink::ended() const {
  return ssh_channel_is_eof(channel_) || ssh_channel_is_closed(channel_);
}

// The window is widened when there is little to read, so that the whole of
// buffer_ is never used.
std::size_t LibsshLink::take() {
  std::uint32_t wanted = kReadSize;
  if (should_widen()) {
    wanted = kWindow;
    since_widened_ = 0;
  }
  int got = ssh_channel_read_timeout(channel_, buffer_.get(), wanted, 0, 0);
  if (got <= 0) return 0;
  unread_ -= static_cast<std::size_t>(got);
  since_widened_ += static_cast<std::size_t>(got);
  return static_cast<std::size_t>(got);
}

bool LibsshLink::should_widen() const {
  return since_widened_ >= kWidenAfter && unread_ <= kReadSize;
}

awaitable<Bytes> LibsshLink::read() {
  for (;;) {
    check_usable();
    std::size_t got = 0;
    if (unread_ > 0 || should_widen()) {
      got = take();
      session_->after_io();
    }
    if (got > 0) co_return Bytes(buffer_.get(), got);
    check_usable();
    if (ended()) co_return Bytes();
    if (unread_ == 0) co_await readable_.async_wait(as_tuple);
  }
}

bool LibsshLink::can_write(std::size_t room) const {
  std::size_t wanted =
      std::max<std::size_t>(std::min(room, first_window_ / 2), 1);
  return channel_ && !session_->awaits_socket() &&
         ssh_channel_window_size(channel_) >= wanted;
}

void LibsshLink::check_writable() const {
  check_usable();
  if (finished_writing_ || ssh_channel_is_closed(channel_)) {
    throw asio::system_error(asio::error::broken_pipe);
  }
}

awaitable<void> LibsshLink::wait_writable(std::size_t room) {
  check_writable();
  wanted_room_ = room;
  while (!can_write(room) || refused_) {
    refused_ = false;
    co_await writable_.async_wait(as_tuple);
    check_writable();
  }
}

std::size_t LibsshLink::write_some(Bytes bytes) {
  check_writable();
  if (bytes.empty() || !can_write(1)) return 0;
  auto size = std::min<std::size_t>(
      {bytes.size(), kMaxWrite, ssh_channel_window_size(channel_)});
  int sent = ssh_channel_write(channel_, bytes.data(),
                               static_cast<std::uint32_t>(size));
  if (!session_->broken()) session_->poll_once();
  session_->after_io();
  // libssh takes nothing while it exchanges keys anew.
  refused_ = sent <= 0;
  if (refused_) {
    check_usable();
    return 0;
  }
  last_write_ = static_cast<std::size_t>(sent);
  return last_write_;
}

void LibsshLink::finish_writing() {
  if (finished_writing_ || !channel_ || session_->broken()) return;
  finished_writing_ = true;
  ssh_channel_send_eof(channel_);
  session_->after_io();
}

void LibsshLink::look_again() {
  if (!channel_ || session_->broken()) {
    readable_.cancel();
    writable_.cancel();
    return;
  }
  if (unread_ > 0 || ended()) readable_.cancel();
  if (can_write(wanted_room_) || ssh_channel_is_closed(channel_)) {
    writable_.cancel();
  }
}

void LibsshLink::close() {
  if (!channel_) return;
  auto session = session_;
  abandon();
  session->after_io();
}

void LibsshLink::abandon() {
  session_->detach(this);
  if (channel_) {
    ssh_remove_channel_callbacks(channel_, &callbacks_);
    ssh_channel_free(channel_);
    channel_ = nullptr;
  }
  readable_.cancel();
  writable_.cancel();
}

void LibsshLink::limit_backlog(std::size_t bytes) {
  session_->limit_backlog(bytes);
}

std::size_t LibsshLink::backlog() const {
  std::size_t held = session_->has_unsent() ? last_write_ : 0;
  return held + session_->kernel_backlog();
}

}  // namespace ginnel::transport
