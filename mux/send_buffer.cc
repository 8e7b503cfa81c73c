// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/send_buffer.h"

#include <algorithm>
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

std::size_t SendBuffer::unsent() const {
  std::size_t count = end_ - handed_out_;
  for (const Range& range : again_) count += range.size();
  return count;
}

// The block that holds the byte at `position`.
const SendBuffer::Block& SendBuffer::block_at(Position position) const {
  auto after = std::upper_bound(
      blocks_.begin(), blocks_.end(), position,
      [](Position at, const Block& block) { return at < block.begin; });
  assert(after != blocks_.begin());
  return *std::prev(after);
}

// A run ends with its block, and so at the end of a frame.
Range SendBuffer::take() {
  if (!again_.empty()) {
    Range& first = again_.front();
    Range run{first.begin, std::min(first.end, block_at(first.begin).end())};
    first.begin = run.end;
    if (first.empty()) again_.pop_front();
    return run;
  }
  if (handed_out_ == end_) return {};
  Range run{handed_out_, block_at(handed_out_).end()};
  handed_out_ = run.end;
  return run;
}

Bytes SendBuffer::bytes(Range range) const {
  if (range.empty()) return {};
  const Block& block = block_at(range.begin);
  assert(range.end <= block.end());
  return {block.bytes.get() + (range.begin - block.begin), range.size()};
}

void SendBuffer::send_again(Range range) {
  range.begin = std::max(range.begin, acked_);
  if (range.begin >= range.end) return;
  auto place = std::lower_bound(
      again_.begin(), again_.end(), range,
      [](const Range& a, const Range& b) { return a.begin < b.begin; });
  again_.insert(place, range);
}

bool SendBuffer::acknowledge(Position position, Position in_use) {
  if (position > handed_out_) return false;
  acked_ = std::max(acked_, position);
  while (!again_.empty() && again_.front().begin < acked_) {
    again_.front().begin = std::min(acked_, again_.front().end);
    if (again_.front().empty()) again_.pop_front();
  }
  Position needed = std::min(acked_, in_use);
  while (!blocks_.empty() && blocks_.front().end() <= needed &&
         blocks_.front().used > 0) {
    if (spare_.size() < kSpareBlocks) {
      spare_.push_back(std::move(blocks_.front().bytes));
    }
    blocks_.pop_front();
  }
  return true;
}

}  // namespace ginnel::mux
