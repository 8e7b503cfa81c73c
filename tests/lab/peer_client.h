// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <string>

#include "mux/spawn.h"

// What the client's side of a lab case does with a `peer serve`. Each throws
// asio::system_error when the connection breaks and std::runtime_error when
// it carried something else than it should.
namespace ginnel::lab {

using Server = asio::ip::tcp::endpoint;

// Sends one line and prints what comes, to the end of file.
awaitable<void> ask(Server server, std::string line);

// stdin to the connection and back to stdout, each side's end kept apart.
awaitable<void> pipe(Server server);

// The bulk pattern, compared by SHA-256. A download that is `paused` reads
// nothing until a line arrives on stdin; "paused" is printed when it began.
awaitable<void> download(Server server, std::uint64_t bytes, bool paused);
awaitable<void> upload(Server server, std::uint64_t bytes);

// `count` echoes open at once: each waits until all have had an answer, then
// each exchanges bytes of its own a few times more.
awaitable<void> streams(Server server, std::size_t count);

// Opens `watch TAG`, waits for its answer and ends by RST.
awaitable<void> abort_watch(Server server, std::string tag);

// Opens `early TAG`, reads to the end, and only then sends `bytes`.
awaitable<void> talk_after_end(Server server, std::string tag,
                               std::uint64_t bytes);

}  // namespace ginnel::lab
