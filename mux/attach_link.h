// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/error.hpp>
#include <asio/system_error.hpp>
#include <utility>
#include <vector>

#include "mux/attach_handshake.h"
#include "mux/link.h"

namespace ginnel::mux {

inline awaitable<void> write_all(Link& link, std::vector<std::byte> bytes) {
  Bytes rest = bytes;
  while (!rest.empty()) {
    co_await link.wait_writable();
    rest = rest.subspan(link.write_some(rest));
  }
}

// Runs an AttachClient or AttachHelper over `link` to its end, and tells `as`
// what has been agreed. A link that breaks is an error, too: nothing is thrown,
// so that this can stand beside a deadline in a `||`,
// which would else wait for the deadline.
template <typename Handshake>
awaitable<Result<void>> attach_over(Link& link, Handshake& handshake,
                                    Attached& as) {
  try {
    co_await write_all(link, handshake.take_output());
    for (;;) {
      Bytes bytes = co_await link.read();
      if (bytes.empty()) {
        co_return Error(asio::error::eof, "the other end closed the link");
      }
      auto attached = handshake.receive(bytes);
      co_await write_all(link, handshake.take_output());
      if (!attached) co_return attached.error();
      if (!*attached) continue;
      as = **attached;
      co_return Result<void>();
    }
  } catch (const asio::system_error& error) {
    co_return Error(error.code(), error.what());
  }
}

}  // namespace ginnel::mux
