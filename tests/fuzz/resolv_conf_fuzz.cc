// SPDX-License-Identifier: GPL-3.0-or-later
// What is made of any file as a resolv.conf.
#include "names/resolv_conf.h"

#include <cstdint>
#include <cstdlib>

#include "names/host_name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace ginnel;
  auto conf =
      names::parse_resolv_conf({reinterpret_cast<const char*>(data), size});
  bool sound = conf.servers.size() <= conf.kMaxServers &&
               conf.search.size() <= conf.kMaxSearch && conf.ndots >= 0 &&
               conf.ndots <= 15 && conf.timeout.count() >= 1 &&
               conf.timeout.count() <= 30;
  for (auto& domain : conf.search) sound = sound && is_host_name(domain);
  for (auto& server : conf.servers) sound = sound && server.zone.size() < 16;
  if (!sound) std::abort();
  return 0;
}
