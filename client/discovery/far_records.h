// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "mux/session.h"
#include "mux/stream.h"
#include "names/messages.h"
#include "resolve/alarm.h"

namespace ginnel {

// The client's end of a stream on which the helper tells records of
// names/messages.h for as long as the session lives.
template <typename Record>
class FarRecords : public mux::StreamHandler {
 public:
  using Told = std::function<void(const Record&)>;
  // The helper tells no more, or has broken the rules. It is not called when
  // the whole session ends and close() follows.
  using Ended = std::function<void()>;

  // Sends `request`, encoded; empty: none. Neither is called before this
  // returns, or after close(). Null when the session takes no more streams.
  static std::shared_ptr<FarRecords> open(const asio::any_io_executor& executor,
                                          mux::Session& session,
                                          mux::Service service,
                                          std::vector<std::byte> request,
                                          Told told, Ended ended) {
    auto records = std::make_shared<FarRecords>(
        executor, std::move(request), std::move(told), std::move(ended));
    records->stream_ = session.open(mux::Target(service), records);
    if (records->stream_ == nullptr) return nullptr;
    records->stream_->readable();
    return records;
  }

  FarRecords(const asio::any_io_executor& executor,
             std::vector<std::byte> request, Told told, Ended ended)
      : request_(std::move(request)), told_(std::move(told)) {
    ended_.emplace(executor, std::move(ended));
  }

  void close() {
    closed_ = true;
    ended_.reset();
    if (stream_) std::exchange(stream_, nullptr)->reset();
  }

  ReadResult read(MutableBytes room) override {
    std::size_t count = std::min(room.size(), request_.size() - sent_);
    std::copy_n(request_.begin() + static_cast<std::ptrdiff_t>(sent_), count,
                room.begin());
    sent_ += count;
    return ReadResult(ReadStatus::kDrained, count);
  }

  std::size_t write(Bytes bytes) override {
    std::size_t size = bytes.size();
    reader_.feed(bytes);
    while (!closed_) {
      auto record = reader_.next();
      if (!record) {
        std::exchange(stream_, nullptr)->reset();
        over();
      } else if (*record) {
        told_(**record);
      } else {
        break;
      }
    }
    return size;
  }

  void finish() override { over(); }

  void ended(mux::StreamEnd) override {
    stream_ = nullptr;
    over();
  }

 private:
  // In which a session that has ended is closed.
  static constexpr auto kGrace = std::chrono::milliseconds(200);

  void over() {
    if (!std::exchange(closed_, true)) ended_->set_in(kGrace);
  }

  mux::Stream* stream_ = nullptr;
  std::vector<std::byte> request_;
  std::size_t sent_ = 0;
  names::Reader<Record> reader_;
  Told told_;
  std::optional<Alarm> ended_;
  bool closed_ = false;
};

}  // namespace ginnel
