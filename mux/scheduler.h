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
  std::size_t recent_ = 0;   // bytes since recent_since_
  TimePoint recent_since_{};
};

// Whose turn it is. Two queues after flow queueing (RFC 8290 section 4):
// sparse streams, which were idle at their last turn and have sent less than
// 16 KiB in the last round trip, go first; the rest share by deficit round
// robin, a frame's worth of bytes a visit, in as many frames as they come in.
// A stream that pretends to be sparse falls to the rest once it has sent its
// 16 KiB, and however many streams are sparse, one frame in five is for the
// rest: nobody guesses by port and nobody starves.
//
// Control frames do not come here; the session sends them before everything.
class Scheduler {
 public:
  static constexpr std::size_t kSparseBytes = 16 * 1024;
  static constexpr int kSparseTurnsInARow = 4;

  bool empty() const { return sparse_.empty() && bulk_.empty(); }

  // The stream has something to send. Nothing happens when it is queued.
  void add(Scheduled& stream, TimePoint now, Clock::duration rtt);
  void remove(Scheduled& stream);

  // A turn: whose it is, and how much of a payload it may send.
  struct Turn {
    Scheduled* stream;
    std::size_t allowance;
  };
  // REQUIRES: !empty(). To be followed by end_turn() or remove().
  Turn next();
  // The stream sent `count` bytes; `more`: it has more at once.
  void end_turn(Scheduled& stream, std::size_t count, bool more, TimePoint now,
                Clock::duration rtt);

 private:
  using Queue = std::list<Scheduled*>;

  static bool is_sparse(Scheduled& stream, TimePoint now, Clock::duration rtt);
  void enqueue(Scheduled& stream, Queue& queue);

  Queue sparse_;
  Queue bulk_;
  int sparse_turns_ = 0;  // since the rest had one
};

}  // namespace ginnel::mux
