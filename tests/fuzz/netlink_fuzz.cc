// SPDX-License-Identifier: GPL-3.0-or-later
// What is made of the kernel's lists, had it gone mad.
#include <cstdint>
#include <cstdlib>

#include "names/netlink.h"

namespace {

using namespace ginnel;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  Bytes bytes = std::as_bytes(std::span(data, size));
  std::size_t count = 0;
  auto progress =
      netlink::read_dump(bytes, 1, [&](const netlink::Message& message) {
        ++count;
        if (auto route = netlink::parse_route(message)) {
          require(route->length() > 0);
          require(!route->first().is_loopback());
        }
        if (auto neighbour = netlink::parse_neighbour(message)) {
          require(neighbour->interface > 0);
          require(!neighbour->address.is_any());
        }
      });
  require(count <= size / 16);
  (void)progress;
  return 0;
}
