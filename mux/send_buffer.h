// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "mux/frame.h"

namespace ginnel::mux {

// One direction's sequenced frames from the time they are made until the other
// end has acknowledged them: what is not yet sent and what would have to be
// sent again on a new link are two ranges of the same bytes.
//
//        acked()            sent()              end()
//   ───────┴── in flight ─────┴──── unsent ───────┴──▶ positions
//
// Frames are made in place: a socket is read straight into reserve()d room
// behind the header's, so that a relayed byte is copied only by the kernel and
// the cipher. Blocks of 64 KiB; a few emptied ones are kept for the next use.
class SendBuffer {
 public:
  Position acked() const { return acked_; }
  Position sent() const { return sent_; }
  Position end() const { return end_; }
  std::size_t in_flight() const { return sent_ - acked_; }
  std::size_t unsent() const { return end_ - sent_; }
  std::size_t size() const { return end_ - acked_; }

  // Room for a payload of up to kMaxPayload bytes. Valid until the next call
  // of any member that is not const.
  MutableBytes reserve();
  // Makes the first `length` bytes of the last reserve() the payload of a
  // frame.
  void commit(FrameType type, StreamId stream, std::size_t length);
  // reserve() and commit() for a payload at hand.
  void append(FrameType type, StreamId stream, Bytes payload);

  // A run of unsent bytes, empty only when there are none. It ends at the end
  // of a frame.
  Bytes next() const;
  // REQUIRES: count <= next().size().
  void mark_sent(std::size_t count);

  // The other end has everything before `position`. False, and nothing done,
  // when it cannot have: it was never sent.
  bool acknowledge(Position position);

 private:
  static constexpr std::size_t kBlock = 65536;
  static constexpr std::size_t kSpareBlocks = 4;

  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    Position begin = 0;
    std::size_t used = 0;
    Position end() const { return begin + used; }
  };

  Block& block_with_room(std::size_t count);
  void drop_acknowledged();

  std::deque<Block> blocks_;
  std::vector<std::unique_ptr<std::byte[]>> spare_;
  std::size_t sending_ = 0;  // index of the block that sent_ lies in
  Position acked_ = 0;
  Position sent_ = 0;
  Position end_ = 0;
};

}  // namespace ginnel::mux
