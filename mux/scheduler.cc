// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/scheduler.h"

namespace ginnel::mux {

void Scheduler::add(Scheduled& stream, TimePoint now, Clock::duration rtt) {
  if (stream.queued()) return;
  enqueue(stream, is_sparse(stream, now, rtt) ? sparse_ : bulk_);
}

void Scheduler::remove(Scheduled& stream) {
  if (!stream.queued()) return;
  stream.node_.splice(stream.node_.begin(), *stream.queue_, stream.place_);
  stream.queue_ = nullptr;
  stream.deficit_ = 0;
}

Scheduler::Turn Scheduler::next() {
  bool rest_is_due = sparse_turns_ >= kSparseTurnsInARow && !bulk_.empty();
  if (!sparse_.empty() && !rest_is_due) {
    ++sparse_turns_;
    return {sparse_.front(), kMaxPayload};
  }
  sparse_turns_ = 0;
  Scheduled* stream = bulk_.front();
  if (stream->deficit_ == 0) stream->deficit_ = kMaxPayload;
  return {stream, stream->deficit_};
}

void Scheduler::end_turn(Scheduled& stream, std::size_t count, bool more,
                         TimePoint now, Clock::duration rtt) {
  stream.recent_ += count;
  if (stream.queue_ == &bulk_) {
    stream.deficit_ -= count;
    if (more && stream.deficit_ > 0) return;  // its visit goes on
    remove(stream);
    if (more) enqueue(stream, bulk_);
    return;
  }
  remove(stream);
  // The first 16 KiB of a burst may go on; then it is bulk until it idles.
  if (more) enqueue(stream, is_sparse(stream, now, rtt) ? sparse_ : bulk_);
}

bool Scheduler::is_sparse(Scheduled& stream, TimePoint now,
                          Clock::duration rtt) {
  if (now - stream.recent_since_ > rtt) {
    stream.recent_ = 0;
    stream.recent_since_ = now;
  }
  return stream.recent_ < kSparseBytes;
}

void Scheduler::enqueue(Scheduled& stream, Queue& queue) {
  queue.splice(queue.end(), stream.node_);
  stream.queue_ = &queue;
}

}  // namespace ginnel::mux
