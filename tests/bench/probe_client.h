// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <string>

#include "mux/spawn.h"

namespace ginnel::bench {

// Where the server is, and as whom it must see the caller, which tells that
// the tool is in place.
struct Target {
  asio::ip::tcp::endpoint server;
  std::string seen_as;
};

using Seconds = std::chrono::duration<double>;

// Each prints one line of JSON and throws, saying why, when a connection
// broke, went another way or carried wrong bytes.

// Tries every few milliseconds until an answer comes through the tool;
// {"ms":M}, M since `began`, in seconds of the system clock.
awaitable<void> first(Target target, Seconds limit, Seconds began);

// Takes bulk for `time`; Progress.
awaitable<void> down(Target target, Seconds time);

// Sends bulk for `time`; the server prints the Progress, under `tag`.
awaitable<void> up(Target target, Seconds time, std::string tag);

// 64 bytes there and back every `interval`, on one connection, whether the
// last ones have come back or not; Durations, of those that never came too,
// and again in "second_half" of those sent then, when the start-up is over.
awaitable<void> ping(Target target, Seconds time, Seconds interval);

// A connection, a request and an answer, over and over, by `workers` at a
// time; {"rate":PER_SECOND,Durations}, each from before connect() to the
// answer's first bytes.
awaitable<void> connects(Target target, Seconds time, int workers);

// Opens up to `count` streams until one fails, no further one has opened for as
// long as `patience`, or all together took fifteen seconds; prints {"held":N},
// holds these until stdin ends, and then fails when they are not all.
awaitable<void> hold(Target target, std::size_t count, Seconds patience);

}  // namespace ginnel::bench
