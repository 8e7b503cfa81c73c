// SPDX-License-Identifier: GPL-3.0-or-later
// What is believed of NetBIOS answers, and of the kernel's tables of
// connections, by the first byte.
#include <cstdint>
#include <cstdlib>

#include "names/dns_name.h"
#include "names/host_name.h"
#include "names/netbios.h"
#include "names/proc_net_tcp.h"

namespace {

using namespace ginnel;

void require(bool holds) {
  if (!holds) std::abort();
}

void read_answer(Bytes bytes) {
  auto answer = netbios::parse_answer(bytes);
  if (!answer) return;
  require(answer->names.size() <= netbios::kMaxNames);
  if (auto name = netbios::host_name(*answer)) {
    require(is_strict_host_name(*name) && name->size() <= 15);
    require(dns::lower_case(*name) == *name);
  }
  if (auto group = netbios::workgroup(*answer)) {
    require(!group->empty());
    require(netbios::name_query(1, *group, 0x1d).size() == 50);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  Bytes bytes = std::as_bytes(std::span(data + 1, size - 1));
  if (data[0] & 1) {
    read_answer(bytes);
  } else {
    require(names::connected_peers(as_text(bytes), 5).size() <= 5);
  }
  return 0;
}
