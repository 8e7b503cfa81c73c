// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstring>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/net_types.h"

// Between the kernel's structures and bytes, for the files netlink*.cc.
namespace ginnel::netlink {

// The structure at the beginning of `bytes`; false when they are too few.
template <typename Structure>
bool load(Bytes bytes, Structure& structure) {
  if (bytes.size() < sizeof structure) return false;
  std::memcpy(&structure, bytes.data(), sizeof structure);
  return true;
}

template <typename Structure>
void append(std::vector<std::byte>& to, const Structure& structure) {
  Bytes bytes = std::as_bytes(std::span(&structure, 1));
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// The address of `family` (AF_INET, AF_INET6) that all of `bytes` are.
std::optional<IpAddress> address_of(int family, Bytes bytes);

// 224.0.0.0/4 and ff00::/8.
bool is_multicast(const IpAddress& address);

}  // namespace ginnel::netlink
