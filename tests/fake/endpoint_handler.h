// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "mux/stream.h"
#include "tests/fake/pattern.h"

namespace ginnel::fake {

// Stands for a socket at one end of a stream: sends so many bytes of a
// pattern and then its end of file, and checks what it receives against
// another. It takes as much as it is told to.
class EndpointHandler : public mux::StreamHandler {
 public:
  EndpointHandler(std::uint64_t send_key, std::uint64_t to_send,
                  std::uint64_t receive_key)
      : send_key_(send_key), to_send_(to_send), receive_key_(receive_key) {}

  void start(mux::Stream& stream) {
    stream_ = &stream;
    stream.readable();
  }

  // How much more it takes before it pauses; unlimited to begin with.
  void allow(std::uint64_t bytes) {
    appetite_ = bytes;
    if (stream_) stream_->writable();
  }
  void take_all() { allow(std::numeric_limits<std::uint64_t>::max()); }
  // More to send after all, which it has not said it would not.
  void send_more(std::uint64_t bytes) {
    to_send_ += bytes;
    if (stream_) stream_->readable();
  }
  // Sends no end of file when it has sent everything.
  void stay_open() { stay_open_ = true; }
  void close() {
    stay_open_ = false;
    if (stream_) stream_->readable();
  }
  void reset() {
    if (stream_) std::exchange(stream_, nullptr)->reset();
  }

  std::uint64_t sent() const { return sent_; }
  std::uint64_t received() const { return received_; }
  bool corrupt() const { return corrupt_; }
  bool opened_seen() const { return opened_; }
  bool finish_seen() const { return finish_; }
  const std::optional<mux::StreamEnd>& end() const { return end_; }

  ReadResult read(MutableBytes room) override {
    if (room.empty()) corrupt_ = true;  // a socket would say end of file
    std::uint64_t left = to_send_ - sent_;
    if (left == 0) {
      return ReadResult(stay_open_ ? ReadStatus::kDrained
                                   : ReadStatus::kEndOfFile);
    }
    std::size_t count = std::min<std::uint64_t>(room.size(), left);
    fill_pattern(room.first(count), send_key_, sent_);
    sent_ += count;
    return ReadResult(ReadStatus::kData, count);
  }
  std::size_t write(Bytes bytes) override {
    if (!stream_) return 0;  // not connected yet
    std::size_t count = std::min<std::uint64_t>(bytes.size(), appetite_);
    if (!is_pattern(bytes.first(count), receive_key_, received_)) {
      corrupt_ = true;
    }
    received_ += count;
    appetite_ -= count;
    return count;
  }
  // A socket that is not connected cannot close a half, and forgets it.
  void finish() override { finish_ = stream_ != nullptr; }
  void opened() override { opened_ = true; }
  void ended(mux::StreamEnd end) override {
    stream_ = nullptr;
    end_ = end;
  }

 private:
  std::uint64_t send_key_;
  std::uint64_t to_send_;
  std::uint64_t receive_key_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t appetite_ = std::numeric_limits<std::uint64_t>::max();
  bool stay_open_ = false;
  bool corrupt_ = false;
  bool opened_ = false;
  bool finish_ = false;
  std::optional<mux::StreamEnd> end_;
  mux::Stream* stream_ = nullptr;
};

}  // namespace ginnel::fake
