// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>

#include "mux/stream.h"

namespace ginnel {

// Serves mux::Service::kNames: the names of hosts that this machine can find,
// as they are found, and those that are gone. Four sources look for them, each
// in a file discover_*.cc that says how much it asks of whom; what they find is
// checked here: strict names (RFC 1123) in lower case, not localhost's, at
// addresses that can be one host's. Each source is believed kMaxNames pairs of
// name and address at most, so that none crowds out another. Two streams are
// served at once, and more refused: nobody gets the networks flooded.
std::shared_ptr<mux::StreamHandler> serve_names(asio::any_io_executor executor,
                                                mux::Stream& stream);

}  // namespace ginnel
