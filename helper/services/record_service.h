// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <vector>

#include "mux/stream.h"

namespace ginnel {

// The helper's end of a stream as long as the session on which it tells the
// client records. They are made when the stream can take them, never before:
// nothing queues here.
class RecordService : public mux::StreamHandler {
 public:
  // REQUIRES: `stream` is to be accepted by start().
  explicit RecordService(mux::Stream& stream) : stream_(&stream) {}

  ReadResult read(MutableBytes room) override;
  // The client has nothing to say.
  std::size_t write(Bytes bytes) override { return bytes.size(); }
  // It goes on listening.
  void finish() override {}
  void ended(mux::StreamEnd end) override;

 protected:
  // The next record, encoded; empty when there is none now.
  virtual std::vector<std::byte> next_record() = 0;
  // The client is gone: lets go of sockets and timers, so that tasks end.
  virtual void stop() = 0;

  // next_record() may have something.
  void records_ready();
  bool over() const { return stream_ == nullptr; }
  mux::Stream& stream() { return *stream_; }
  // Ends the stream; the client has broken the rules.
  void reset();

 private:
  mux::Stream* stream_;  // null when over
  std::vector<std::byte> unsent_;
};

}  // namespace ginnel
