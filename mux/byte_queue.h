// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <cstring>
#include <list>
#include <memory>

#include "base/bytes.h"

namespace ginnel::mux {

// Bytes that wait for a reader, first in, first out. Holds nothing when empty;
// otherwise chunks of 1 to 16 KiB, filled up before the next is begun, so that
// a peer which sends single bytes costs what it sent and little more.
class ByteQueue {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  void append(Bytes bytes) {
    size_ += bytes.size();
    while (!bytes.empty()) {
      if (chunks_.empty() || chunks_.back().room() == 0) {
        chunks_.emplace_back(std::clamp(bytes.size(), kMinChunk, kMaxChunk));
      }
      Chunk& last = chunks_.back();
      std::size_t count = std::min(last.room(), bytes.size());
      std::memcpy(last.bytes.get() + last.end, bytes.data(), count);
      last.end += count;
      bytes = bytes.subspan(count);
    }
  }

  // A run from the front, empty only when the queue is.
  Bytes front() const {
    if (chunks_.empty()) return {};
    const Chunk& first = chunks_.front();
    return {first.bytes.get() + first.begin, first.end - first.begin};
  }

  // REQUIRES: count <= front().size().
  void pop(std::size_t count) {
    size_ -= count;
    chunks_.front().begin += count;
    if (chunks_.front().begin == chunks_.front().end) chunks_.pop_front();
  }

 private:
  static constexpr std::size_t kMinChunk = 1024;
  static constexpr std::size_t kMaxChunk = 16384;

  struct Chunk {
    explicit Chunk(std::size_t size)
        : bytes(std::make_unique_for_overwrite<std::byte[]>(size)),
          capacity(size) {}
    std::size_t room() const { return capacity - end; }

    std::unique_ptr<std::byte[]> bytes;
    std::size_t capacity;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  std::list<Chunk> chunks_;
  std::size_t size_ = 0;
};

}  // namespace ginnel::mux
