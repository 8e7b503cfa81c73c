// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>

#include "mux/stream.h"

namespace ginnel {

// Serves `stream` itself; names/messages.h says what its bytes mean. Null:
// refused at once.
// REQUIRES: mux::is_own(service).
std::shared_ptr<mux::StreamHandler> serve_own(asio::any_io_executor executor,
                                              mux::Stream& stream,
                                              mux::Service service);

}  // namespace ginnel
