// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "mux/frame.h"

namespace ginnel::mux {

// Positions [begin, end) of one direction's sequence: whole frames, unless
// said otherwise.
struct Range {
  Position begin = 0;
  Position end = 0;
  std::size_t size() const { return static_cast<std::size_t>(end - begin); }
  bool empty() const { return begin == end; }
  bool operator==(const Range&) const = default;
};

// One direction's sequenced frames from the time they are made until the other
// end has acknowledged them: what is not yet sent and what would have to be
// sent again on a new link are two ranges of the same bytes.
//
//        acked()          handed_out()           end()
//   ───────┴── in flight ─────┴──── unsent ───────┴──▶ positions
//
// Frames are made in place: a socket is read straight into reserve()d room
// behind the header's, so that a relayed byte is copied only by the kernel and
// the cipher. Blocks of 64 KiB; emptied ones are kept for the next use.
class SendBuffer {
 public:
  Position acked() const { return acked_; }
  Position handed_out() const { return handed_out_; }
  Position end() const { return end_; }
  // What was never handed out, and what is to be sent again.
  std::size_t unsent() const;
  std::size_t size() const { return end_ - acked_; }

  // Room for a payload of up to kMaxPayload bytes. Valid until the next call
  // of any member that is not const.
  MutableBytes reserve();
  // Makes the first `length` bytes of the last reserve() the payload of a
  // frame.
  void commit(FrameType type, StreamId stream, std::size_t length);
  // reserve() and commit() for a payload at hand.
  void append(FrameType type, StreamId stream, Bytes payload);

  // Hands out what is to be sent next, what is to be sent again first; empty
  // when there is nothing.
  Range take();
  // REQUIRES: the range, or what is left of it, was handed out by take() and
  // no acknowledgement has gone beyond its begin without `in_use` saying so.
  Bytes bytes(Range range) const;
  // What take() handed out was lost: it is handed out again, unless it has been
  // acknowledged.
  void send_again(Range range);

  // The other end has everything before `position`; what is at or after
  // `in_use` is kept all the same, since bytes() of it are being sent. False,
  // and nothing done, when the other end cannot have it: it was never handed
  // out.
  bool acknowledge(Position position, Position in_use);

 private:
  static constexpr std::size_t kBlock = 65536;
  // 2 MiB: what a fast path with a short way has in flight. Freed and taken
  // again every time, pages cost more than the copy (musl gives each back to
  // the kernel).
  static constexpr std::size_t kSpareBlocks = 32;

  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    Position begin = 0;
    std::size_t used = 0;
    Position end() const { return begin + used; }
  };

  Block& block_with_room(std::size_t count);
  const Block& block_at(Position position) const;

  std::deque<Block> blocks_;
  std::vector<std::unique_ptr<std::byte[]>> spare_;
  std::deque<Range> again_;  // in order
  Position acked_ = 0;
  Position handed_out_ = 0;
  Position end_ = 0;
};

}  // namespace ginnel::mux
