// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/scheduler.h"

#include <algorithm>

namespace ginnel::mux {

void Scheduler::add(Scheduled& stream, TimePoint now) {
  if (stream.queued()) return;
  settle(stream, now);
  enqueue(stream, queue_for(stream));
}

void Scheduler::remove(Scheduled& stream) {
  if (!stream.queued()) return;
  stream.node_.splice(stream.node_.begin(), *stream.queue_, stream.place_);
  stream.queue_ = nullptr;
  stream.deficit_ = 0;
}

Scheduler::Turn Scheduler::next(std::size_t frame_limit) {
  std::size_t payload = std::min(frame_limit - kHeaderSize, kMaxPayload);
  if (bulk_.empty()) sparse_bytes_ = 0;
  bool rest_is_due = sparse_bytes_ >= kSparseWeight * frame_limit;
  if (!rest_is_due && !short_.empty()) {
    return {short_.front(),
            queued() == 1 ? payload : std::min(payload, kShortBytes)};
  }
  if (!rest_is_due && !sparse_.empty()) return {sparse_.front(), payload};
  Scheduled* stream = bulk_.front();
  if (stream->deficit_ == 0) stream->deficit_ = payload;
  return {stream, std::min(stream->deficit_, payload)};
}

void Scheduler::end_turn(Scheduled& stream, std::size_t count, bool more,
                         TimePoint now) {
  std::size_t on_the_line = count + kHeaderSize;
  settle(stream, now);
  stream.ahead_ += static_cast<double>(on_the_line);
  if (queued() == 1) stream.ahead_ = 0;  // at nobody's expense
  if (stream.queue_ != &bulk_) {
    sparse_bytes_ += on_the_line;
    remove(stream);
    // The first 16 KB of a burst may go on; then it is one of the rest.
    if (more) enqueue(stream, queue_for(stream));
    return;
  }
  sparse_bytes_ -= std::min(sparse_bytes_, kSparseWeight * on_the_line);
  share_ +=
      static_cast<double>(on_the_line) / static_cast<double>(bulk_.size());
  stream.deficit_ -= count;
  if (more && stream.deficit_ > 0) return;  // its visit goes on
  remove(stream);
  if (more) enqueue(stream, bulk_);
}

// What it is ahead shrinks as the others catch up.
void Scheduler::settle(Scheduled& stream, TimePoint now) const {
  std::chrono::duration<double> passed = now - stream.then_;
  double due =
      std::max(share_ - stream.share_then_, kSparseRate * passed.count());
  stream.ahead_ = std::max(0.0, stream.ahead_ - due);
  stream.share_then_ = share_;
  stream.then_ = now;
}

Scheduler::Queue& Scheduler::queue_for(const Scheduled& stream) {
  if (stream.ahead_ < kShortBytes) return short_;
  return stream.ahead_ < kSparseBytes ? sparse_ : bulk_;
}

void Scheduler::enqueue(Scheduled& stream, Queue& queue) {
  queue.splice(queue.end(), stream.node_);
  stream.queue_ = &queue;
}

}  // namespace ginnel::mux
