// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "mux/stream.h"
#include "names/messages.h"

namespace ginnel {

// The helper's end of a stream that is one question, a value of
// names/messages.h, and one answer. A client that asks otherwise is reset.
template <typename Question>
class OneAnswer : public mux::StreamHandler {
 public:
  // REQUIRES: `stream` is to be accepted.
  explicit OneAnswer(mux::Stream& stream) : stream_(&stream) {}

  ReadResult read(MutableBytes room) override {
    if (!answer_) return ReadResult(ReadStatus::kDrained);
    std::size_t count = std::min(room.size(), answer_->size() - sent_);
    if (count == 0) return ReadResult(ReadStatus::kEndOfFile);
    std::copy_n(answer_->begin() + static_cast<std::ptrdiff_t>(sent_), count,
                room.begin());
    sent_ += count;
    return ReadResult(ReadStatus::kData, count);
  }

  std::size_t write(Bytes bytes) override {
    std::size_t count = bytes.size();
    reader_.feed(bytes);
    auto question = reader_.next();
    if (has_asked_ || !question || (*question && !reader_.empty())) {
      reset();
    } else if (*question) {
      has_asked_ = true;
      asked(**std::move(question));
    }
    return count;
  }

  void finish() override {
    if (!has_asked_) reset();
  }

  void ended(mux::StreamEnd) override {
    stream_ = nullptr;
    stop();
  }

 protected:
  // The question is whole. Called once.
  virtual void asked(Question question) = 0;
  // The client is gone, or needs no answer any more.
  virtual void stop() = 0;

  // The answer, encoded; empty when there is none. Once.
  void answer(std::vector<std::byte> bytes) {
    answer_ = std::move(bytes);
    stream_->readable();
  }
  void reset() {
    std::exchange(stream_, nullptr)->reset();
    stop();
  }

 private:
  mux::Stream* stream_;  // null when over
  names::Reader<Question> reader_;
  bool has_asked_ = false;
  std::optional<std::vector<std::byte>> answer_;
  std::size_t sent_ = 0;
};

}  // namespace ginnel
