// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/send_buffer.h"

#include <cassert>
#include <cstring>

namespace ginnel::mux {

SendBuffer::Block& SendBuffer::block_with_room(std::size_t count) {
  if (!blocks_.empty() && blocks_.back().used + count <= kBlock) {
    return blocks_.back();
  }
  Block block;
  if (spare_.empty()) {
    block.bytes = std::make_unique_for_overwrite<std::byte[]>(kBlock);
  } else {
    block.bytes = std::move(spare_.back());
    spare_.pop_back();
  }
  block.begin = end_;
  blocks_.push_back(std::move(block));
  return blocks_.back();
}

MutableBytes SendBuffer::reserve() {
  Block& block = block_with_room(kMaxFrame);
  return {block.bytes.get() + block.used + kHeaderSize, kMaxPayload};
}

void SendBuffer::commit(FrameType type, StreamId stream, std::size_t length) {
  Block& block = blocks_.back();
  Header header;
  header.type = type;
  header.length = static_cast<std::uint16_t>(length);
  header.stream = stream;
  header.position = end_;
  encode(header, block.bytes.get() + block.used);
  block.used += kHeaderSize + length;
  end_ += kHeaderSize + length;
}

void SendBuffer::append(FrameType type, StreamId stream, Bytes payload) {
  assert(payload.size() <= kMaxPayload);
  Block& block = block_with_room(kHeaderSize + payload.size());
  if (!payload.empty()) {
    std::memcpy(block.bytes.get() + block.used + kHeaderSize, payload.data(),
                payload.size());
  }
  commit(type, stream, payload.size());
}

Bytes SendBuffer::next() const {
  if (sent_ == end_) return {};
  const Block* block = &blocks_[sending_];
  if (block->end() == sent_) block = &blocks_[sending_ + 1];
  return {block->bytes.get() + (sent_ - block->begin),
          static_cast<std::size_t>(block->end() - sent_)};
}

void SendBuffer::mark_sent(std::size_t count) {
  if (count == 0) return;
  if (blocks_[sending_].end() == sent_) ++sending_;
  sent_ += count;
  assert(sent_ <= blocks_[sending_].end());
}

bool SendBuffer::acknowledge(Position position) {
  if (position > sent_) return false;
  if (position > acked_) {
    acked_ = position;
    drop_acknowledged();
  }
  return true;
}

void SendBuffer::drop_acknowledged() {
  while (!blocks_.empty() && blocks_.front().end() <= acked_) {
    if (spare_.size() < kSpareBlocks) {
      spare_.push_back(std::move(blocks_.front().bytes));
    }
    blocks_.pop_front();
    if (sending_ > 0) --sending_;
  }
}

}  // namespace ginnel::mux
