// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/host_address.h"

namespace ginnel::names {

bool is_host_address(const IpAddress& address) {
  std::uint8_t first = address.data()[0];
  if (address.is_loopback() || address.is_link_local()) return false;
  if (address.family() == Family::kIpv4) return first != 0 && first < 224;
  // ::/8 holds what is unspecified, mapped and translated.
  return first != 0 && first != 0xff;
}

}  // namespace ginnel::names
