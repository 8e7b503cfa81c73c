// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>

#include "mux/stream.h"

namespace ginnel {

// Serves mux::Service::kAddresses: the addresses of a host name (see
// HostLookUp), none of them twice.
std::shared_ptr<mux::StreamHandler> serve_addresses(
    asio::any_io_executor executor, mux::Stream& stream);

}  // namespace ginnel
