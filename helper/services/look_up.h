// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>

#include "mux/stream.h"

namespace ginnel {

// Serves mux::Service::kLookUp: a DNS query that is put to the name servers
// which the client names, or to this machine's own (see
// WideInquiry). The answer is
// handed on as it came, whatever its type and size, with the query's id. What
// is not a query is answered with FORMERR, a transfer of a zone, which takes
// more than one message, with NOTIMP. No answer: the stream ends with nothing.
std::shared_ptr<mux::StreamHandler> serve_look_up(
    asio::any_io_executor executor, mux::Stream& stream);

}  // namespace ginnel
