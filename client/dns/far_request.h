// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "mux/session.h"
#include "mux/stream.h"
#include "names/messages.h"

namespace ginnel {

// The client's end of a stream to one of the helper's services that is one
// question and one answer, an `Answer` of names/messages.h.
template <typename Answer>
class FarRequest : public mux::StreamHandler {
 public:
  // Nothing: the far end had no answer, or the stream was broken off.
  using Done = std::function<void(std::optional<Answer>)>;

  // Sends `question`, encoded. `done` is called once, not before this returns,
  // and last when the session ends. False, and no call, when the session takes
  // no more streams.
  static bool send(mux::Session& session, mux::Service service,
                   std::vector<std::byte> question, Done done) {
    auto request =
        std::make_shared<FarRequest>(std::move(question), std::move(done));
    request->stream_ = session.open(mux::Target(service), request);
    if (request->stream_ == nullptr) return false;
    request->stream_->readable();
    return true;
  }

  FarRequest(std::vector<std::byte> question, Done done)
      : question_(std::move(question)), done_(std::move(done)) {}

  ReadResult read(MutableBytes room) override {
    std::size_t count = std::min(room.size(), question_.size() - sent_);
    if (count == 0) return ReadResult(ReadStatus::kEndOfFile);
    std::copy_n(question_.begin() + static_cast<std::ptrdiff_t>(sent_), count,
                room.begin());
    sent_ += count;
    return ReadResult(ReadStatus::kData, count);
  }

  std::size_t write(Bytes bytes) override {
    reader_.feed(bytes);
    auto answer = reader_.next();
    if (!answer || (*answer && !reader_.empty())) {
      std::exchange(stream_, nullptr)->reset();
      finish(std::nullopt);
    } else if (*answer) {
      finish(**std::move(answer));
    }
    return bytes.size();
  }

  void finish() override {}
  void ended(mux::StreamEnd) override { finish(std::nullopt); }

 private:
  void finish(std::optional<Answer> answer) {
    if (auto done = std::exchange(done_, nullptr)) done(std::move(answer));
  }

  mux::Stream* stream_ = nullptr;
  std::vector<std::byte> question_;
  std::size_t sent_ = 0;
  names::Reader<Answer> reader_;
  Done done_;
};

using FarLookUp = FarRequest<names::Message>;
using FarAddresses = FarRequest<names::Addresses>;

}  // namespace ginnel
