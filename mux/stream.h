// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <span>

#include "mux/byte_queue.h"
#include "mux/credit.h"
#include "mux/frame.h"
#include "mux/scheduler.h"

namespace ginnel::mux {

class Session;

// Why a stream is over, for the socket that it stands for.
struct StreamEnd {
  enum class Kind {
    kFinished,  // both halves were finished and all was delivered
    kReset,     // the other end or the session broke it off
    kRefused,   // it was never connected; `refusal` says why
  };
  Kind kind;
  Refusal refusal{};

  explicit StreamEnd(Kind which, Refusal why = {})
      : kind(which), refusal(why) {}
};

// What stands at this end of a stream: a socket, or a test's. The session
// calls it; it must not throw. Inside a call it may call its Stream.
class StreamHandler {
 public:
  enum class ReadStatus {
    kData,       // `count` bytes, and perhaps more at once
    kDrained,    // `count` bytes, perhaps none; readable() follows when more
    kEndOfFile,  // no bytes, and never again
    kError,      // broken: the stream is reset
  };
  struct ReadResult {
    ReadStatus status;
    std::size_t count = 0;
    explicit ReadResult(ReadStatus what, std::size_t bytes = 0)
        : status(what), count(bytes) {}
  };

  virtual ~StreamHandler() = default;

  // Bytes for the other end, at most room.size(), without waiting.
  // REQUIRES: room is not empty.
  virtual ReadResult read(MutableBytes room) = 0;
  // Takes bytes from the other end without waiting and returns how many; what
  // it leaves is offered again after Stream::writable().
  virtual std::size_t write(Bytes bytes) = 0;
  // The same with bytes that lie in several pieces, at least one: takes what it
  // can at once. When that is some pieces whole, the rest is offered again.
  virtual std::size_t write_several(std::span<const Bytes> pieces) {
    return write(pieces.front());
  }
  // The other end finished its half and all of it has been written.
  virtual void finish() = 0;
  // The connection exists at the far end.
  virtual void opened() {}
  // The last call; the Stream is gone after it. Not made when it was this
  // handler that reset the stream.
  virtual void ended(StreamEnd end) = 0;
};

// One relayed connection, as its handler holds it: until StreamHandler::ended
// or its own reset().
class Stream : public Scheduled {
 public:
  StreamId id() const { return id_; }

  // The handler has something to read(), an end of file or an error included.
  void readable();
  // The handler can write() again.
  void writable();
  // Breaks the stream off at both ends. The Stream is gone.
  void reset();

  // Helper: the connection to the target exists, or cannot be made (the
  // Stream is gone).
  void accept();
  void refuse(Refusal reason);

 private:
  friend class Session;

  // Control frames that wait to be sent.
  enum Pending : unsigned {
    kSendOpened = 1,
    kSendCredit = 2,
    kSendReset = 4,
    kSendRefused = 8,
    kSendRelease = 16,
  };

  Stream(Session& session, StreamId id, std::uint64_t send_limit,
         std::uint32_t window);

  Session& session_;
  const StreamId id_;
  std::shared_ptr<StreamHandler> handler_;  // null: over, frames yet to send

  // Towards the other end.
  std::uint64_t sent_ = 0;
  std::uint64_t send_limit_;
  bool readable_ = false;
  bool sent_fin_ = false;
  TimePoint last_sent_{};

  // From the other end.
  ReceiveCredit credit_;
  ByteQueue unread_;
  bool received_fin_ = false;
  bool delivered_fin_ = false;
  bool received_reset_ = false;  // and what came before it waits for a reader

  bool connecting_ = true;  // neither accepted nor refused
  unsigned pending_ = 0;
  Refusal refusal_{};
};

}  // namespace ginnel::mux
