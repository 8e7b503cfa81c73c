// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "mux/spawn.h"

namespace ginnel::mux {

// An ordered pipe of bytes to the other end: what a transport gives and the
// mux is carried by. At most one read() and one wait_writable() wait at a time,
// each in a coroutine of its own; they may wait at once.
//
// close() makes both fail with operation_aborted soon after; it may be called
// from anywhere on the loop's thread, twice too. A Link is destroyed only when
// neither waits.
class Link {
 public:
  virtual ~Link() = default;

  // The next bytes, at least one, valid until the next read(). Empty: the
  // other end closed its side in order. Throws asio::system_error when the
  // link broke.
  virtual awaitable<Bytes> read() = 0;

  // Waits until the link can take bytes with nothing of its own left unsent
  // in user space: what to send is chosen after that, as late as can be. Where
  // the other end grants a window, it has `room` for so many bytes then (or for
  // half of what it began with): what is chosen shall not wait half sent.
  // Throws asio::system_error when the link broke.
  virtual awaitable<void> wait_writable(std::size_t room = 1) = 0;

  // Whether wait_writable() would return at once.
  virtual bool writable(std::size_t room = 1) const = 0;

  // Takes bytes from the front of `bytes` without waiting; 0 when it cannot
  // just now. Throws asio::system_error when the link broke.
  virtual std::size_t write_some(Bytes bytes) = 0;

  // No more writing: the other end reads to the end. Best effort.
  virtual void finish_writing() = 0;

  virtual void close() = 0;

  // Bytes taken by write_some() that no network has seen yet: in buffers of
  // ours, of a library, or of the kernel's socket (SIOCOUTQNSD).
  virtual std::size_t backlog() const = 0;

  // Keeps backlog() to about `bytes` from now on: wait_writable() waits while
  // it is above. What a single write_some() took may go beyond it.
  virtual void limit_backlog(std::size_t bytes) = 0;

  // How many bytes the other end's side of the link takes while its reader
  // does not read: an SSH channel's window. The largest number when nobody can
  // tell.
  virtual std::size_t window() const = 0;
};

}  // namespace ginnel::mux
