// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/steady_timer.hpp>
#include <memory>

#include "client/transport/libssh_session.h"
#include "client/transport/line_splitter.h"
#include "mux/link.h"

namespace ginnel::transport {

// One exec channel of a libssh session.
//
// Receiving: libssh keeps what arrives in the channel's buffer until read()
// takes it. Its own window is 1.28 MB, which is 12.8 MB/s at 100 ms; asking
// for more bytes than that in one read widens it to what was asked for, so
// every so often read() asks for kWindow. Unread bytes count against the
// window: a reader that pauses costs kWindow and no more. A server that sends
// more all the same (libssh takes it) loses the session.
//
// Sending: libssh is given bytes only when it has seen that the socket takes
// some, so that at most one SSH packet lies in libssh, the part of it that the
// socket did not take after all.
class LibsshLink : public mux::Link {
 public:
  // How much the far end may have on its way to us: 160 MB/s at 100 ms. It
  // costs nothing until it is used, and the mux keeps what is on its way to
  // what the path needs.
  static constexpr std::uint32_t kWindow = 16 << 20;

  // Opens a channel and runs `command` in it. Throws Failure.
  static awaitable<std::unique_ptr<LibsshLink>> open(
      std::shared_ptr<LibsshSession> session, std::string command,
      LineSink stderr_line);

  ~LibsshLink() override;

  awaitable<Bytes> read() override;
  awaitable<void> wait_writable(std::size_t room = 1) override;
  bool writable(std::size_t room = 1) const override {
    return can_write(room) && !refused_;
  }
  std::size_t write_some(Bytes bytes) override;
  void finish_writing() override;
  void close() override;
  std::size_t backlog() const override;
  void limit_backlog(std::size_t bytes) override;
  std::size_t window() const override { return first_window_; }

  // For the session: wakes who waits if it now can go on.
  void look_again();
  // The session ends: no more calls into libssh.
  void abandon();
  bool has_lines() const { return stderr_lines_.has_line(); }
  void deliver_lines();

 private:
  LibsshLink(std::shared_ptr<LibsshSession> session, LineSink stderr_line);

  awaitable<void> start(std::string command);
  static int on_data(ssh_session session, ssh_channel channel, void* data,
                     std::uint32_t length, int is_stderr, void* self);
  // How many bytes were put into buffer_; 0 when there are none yet.
  std::size_t take();
  bool should_widen() const;
  bool ended() const;
  bool can_write(std::size_t room) const;
  // Throw asio::system_error unless the channel can still be used.
  void check_usable() const;
  void check_writable() const;

  std::shared_ptr<LibsshSession> session_;
  ssh_channel channel_ = nullptr;  // null once closed
  ssh_channel_callbacks_struct callbacks_{};
  LineSink stderr_line_;
  LineSplitter stderr_lines_;

  // kWindow bytes, of which those have memory that were ever read into.
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t since_widened_ = kWindow;  // the first read widens
  std::size_t first_window_ = 0;         // what the server gave the channel
  std::size_t unread_ = 0;               // bytes that libssh holds for us
  std::size_t last_write_ = 0;           // bytes libssh may still hold
  std::size_t wanted_room_ = 1;          // in the window, of who waits
  bool finished_writing_ = false;
  bool refused_ = false;  // the last write, though there was room

  // For whoever waits; they expire never and are cancelled to wake him.
  asio::steady_timer readable_;
  asio::steady_timer writable_;
};

}  // namespace ginnel::transport
