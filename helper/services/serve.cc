// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/services/serve.h"

#include "helper/services/addresses.h"
#include "helper/services/look_up.h"
#include "helper/services/names.h"
#include "helper/services/routes.h"

namespace ginnel {

std::shared_ptr<mux::StreamHandler> serve_own(asio::any_io_executor executor,
                                              mux::Stream& stream,
                                              mux::Service service) {
  switch (service) {
    case mux::Service::kAddresses:
      return serve_addresses(executor, stream);
    case mux::Service::kLookUp:
      return serve_look_up(executor, stream);
    case mux::Service::kNames:
      return serve_names(executor, stream);
    case mux::Service::kRoutes:
      return serve_routes(executor, stream);
    default:
      stream.refuse(mux::Refusal::kDenied);
      return nullptr;
  }
}

}  // namespace ginnel
