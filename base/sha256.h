// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104): what proves to each end of
// a link that the other holds the session's key. Small rather than fast: a few
// blocks a link are hashed, and the static helper carries it.
namespace ginnel {

inline constexpr std::size_t kSha256Size = 32;
using Sha256Digest = std::array<std::byte, kSha256Size>;

// Hashes what it is given, in pieces of any size. Its state is wiped at the
// end, since an HMAC's state is as good as its key.
class Sha256 {
 public:
  Sha256() = default;
  Sha256(const Sha256&) = default;
  Sha256& operator=(const Sha256&) = default;
  ~Sha256();

  void add(Bytes message);
  // Call it once, at the end.
  Sha256Digest digest();

 private:
  static constexpr std::size_t kBlock = 64;
  void add_block(const std::byte* block);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                         0xa54ff53a, 0x510e527f, 0x9b05688c,
                                         0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, kBlock> block_{};
  std::uint64_t size_ = 0;  // bytes added; size_ % kBlock of them in block_
};

Sha256Digest sha256(Bytes message);
Sha256Digest hmac_sha256(Bytes key, Bytes message);

// Whether both hold the same bytes; how long it takes says nothing of where
// they differ. REQUIRES: equal sizes.
bool equal_in_constant_time(Bytes a, Bytes b);

// Overwrites a secret in memory, which the compiler may not leave out.
void wipe(MutableBytes secret);

}  // namespace ginnel
