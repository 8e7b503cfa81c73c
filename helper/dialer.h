// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>

#include "base/net_types.h"
#include "mux/stream.h"

namespace ginnel {

// Connects to `target` for `stream` and relays between the two once it is
// connected; else refuses the stream with the reason. How long a silent target
// is tried is the kernel's to say (tcp_syn_retries: about two minutes).
// Null: refused at once.
std::shared_ptr<mux::StreamHandler> dial(asio::any_io_executor executor,
                                         mux::Stream& stream,
                                         const Endpoint& target);

// What a failed connect(2) or socket(2) means to the client.
mux::Refusal refusal_of(int errno_value);

}  // namespace ginnel
