// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <list>

#include "mux/frame.h"

namespace ginnel::mux {

class Scheduler;

// A stream's place in the order of service; part of the stream. It is queued
// while the stream has something to send and may send it.
class Scheduled {
 public:
  Scheduled() : node_{this}, place_(node_.begin()) {}
  Scheduled(const Scheduled&) = delete;
  Scheduled& operator=(const Scheduled&) = delete;
  bool queued() const { return queue_ != nullptr; }

 protected:
  ~Scheduled() = default;  // REQUIRES: !queued()

 private:
  friend class Scheduler;
  // Its one list element moves between node_ and the queues: no allocation.
  std::list<Scheduled*> node_;
  std::list<Scheduled*>::iterator place_;
  std::list<Scheduled*>* queue_ = nullptr;
  std::size_t deficit_ = 0;  // what is left of its visit to the rest
  // How many bytes it is ahead of its share, as it was when the scheduler's
  // share_ and the time were these.
  double ahead_ = 0;
  double share_then_ = 0;
  TimePoint then_{};
};

// Whose turn it is. The sparse streams go first, one frame each in turn, and
// before them what is short: the first 1.4 KB of a stream that is not ahead, a
// keystroke or a request, so that it does not wait for a crowd of new streams
// with 16 KB each. The rest share by deficit round robin, one frame's bytes a
// visit, in as many frames as they come in.
//
// A stream is sparse while it is less than 16 KB ahead of its share: of what
// each of the rest has been served, or of 4 KiB a second where that is more
// (with a thousand downloads on a slow line, a share is no use to a shell). So
// a keystroke waits for the frame that is being sent and for other
// sparse streams, whatever the number of downloads; and a stream that pretends,
// in bursts or in small frames or after pauses, gets what the others get and
// once 16 KB more. Nobody guesses by port. However many streams are sparse, a
// fifth of the bytes is for the rest.
//
// Flow queueing (RFC 8290 section 4.1) forgets instead what a stream was
// served once a round of the rest is over: with a thousand streams that is
// seconds, in which the next keystroke would wait as one of them.
//
// Control frames do not come here; the session sends them before everything.
class Scheduler {
 public:
  static constexpr std::size_t kShortBytes = 1400;
  static constexpr std::size_t kSparseBytes = 16000;
  static constexpr double kSparseRate = 4 * 1024;  // bytes a second
  // Bytes of sparse streams to one of the rest, at most.
  static constexpr std::size_t kSparseWeight = 4;

  bool empty() const {
    return short_.empty() && sparse_.empty() && bulk_.empty();
  }

  // The stream has something to send. Nothing happens when it is queued.
  void add(Scheduled& stream, TimePoint now);
  void remove(Scheduled& stream);

  // A turn: whose it is, and how much of a payload it may send.
  struct Turn {
    Scheduled* stream;
    std::size_t allowance;
  };
  // For a frame of at most `frame_limit` bytes with its header.
  // REQUIRES: !empty(), frame_limit > kHeaderSize. To be followed by end_turn()
  // or remove().
  Turn next(std::size_t frame_limit);
  // The stream sent `count` bytes; `more`: it has more at once.
  void end_turn(Scheduled& stream, std::size_t count, bool more, TimePoint now);

 private:
  using Queue = std::list<Scheduled*>;

  std::size_t queued() const {
    return short_.size() + sparse_.size() + bulk_.size();
  }
  void settle(Scheduled& stream, TimePoint now) const;
  Queue& queue_for(const Scheduled& stream);
  void enqueue(Scheduled& stream, Queue& queue);

  Queue short_;
  Queue sparse_;
  Queue bulk_;
  double share_ = 0;              // what each of the rest has been served, ever
  std::size_t sparse_bytes_ = 0;  // on the line, beyond the rest's due
};

}  // namespace ginnel::mux
