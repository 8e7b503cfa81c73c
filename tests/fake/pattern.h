// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace ginnel::fake {

// An endless stream of bytes that a key names: a byte out of its place, lost
// or doubled shows, without keeping what was sent.
inline std::byte pattern(std::uint64_t key, std::uint64_t offset) {
  // splitmix64's finalizer over the eight-byte word that holds the offset.
  std::uint64_t word = key + (offset / 8) * 0x9e3779b97f4a7c15;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return static_cast<std::byte>((word ^ (word >> 31)) >> (offset % 8 * 8));
}

inline void fill_pattern(MutableBytes room, std::uint64_t key,
                         std::uint64_t offset) {
  for (std::byte& byte : room) byte = pattern(key, offset++);
}

inline bool is_pattern(Bytes bytes, std::uint64_t key, std::uint64_t offset) {
  for (std::byte byte : bytes) {
    if (byte != pattern(key, offset++)) return false;
  }
  return true;
}

}  // namespace ginnel::fake
