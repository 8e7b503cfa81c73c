// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/sha256.h"

#include <string.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <span>

namespace ginnel {
namespace {

// The first 32 bits of the fractional parts of the cube roots of the first 64
// primes (FIPS 180-4, 4.2.2).
constexpr std::array<std::uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using std::rotr;

template <typename T>
void wipe_object(T& object) {
  wipe(std::as_writable_bytes(std::span(object)));
}

}  // namespace

Sha256::~Sha256() {
  wipe_object(state_);
  wipe_object(block_);
}

void Sha256::add(Bytes message) {
  while (!message.empty()) {
    std::size_t filled = size_ % kBlock;
    Bytes piece = message.first(std::min(kBlock - filled, message.size()));
    message = message.subspan(piece.size());
    std::copy(piece.begin(), piece.end(), block_.begin() + filled);
    size_ += piece.size();
    if (size_ % kBlock == 0) add_block(block_.data());
  }
}

// The padding is one bit, zeroes, and the message's length in bits.
Sha256Digest Sha256::digest() {
  std::array<std::byte, 8> bits;
  store_be(bits.data(), size_ * 8);
  std::array<std::byte, kBlock> padding{std::byte{0x80}};
  std::size_t filled = (size_ + bits.size()) % kBlock;
  add(Bytes(padding).first(kBlock - filled));
  add(bits);
  Sha256Digest digest;
  for (std::size_t i = 0; i < state_.size(); ++i) {
    store_be(&digest[4 * i], state_[i]);
  }
  return digest;
}

void Sha256::add_block(const std::byte* block) {
  std::array<std::uint32_t, 64> w;
  for (std::size_t i = 0; i < 16; ++i) {
    w[i] = load_be<std::uint32_t>(block + 4 * i);
  }
  for (std::size_t i = 16; i < 64; ++i) {
    std::uint32_t early = w[i - 15], late = w[i - 2];
    w[i] = w[i - 16] + (rotr(early, 7) ^ rotr(early, 18) ^ (early >> 3)) +
           w[i - 7] + (rotr(late, 17) ^ rotr(late, 19) ^ (late >> 10));
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (std::size_t i = 0; i < 64; ++i) {
    std::uint32_t t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) +
                       ((e & f) ^ (~e & g)) + kRound[i] + w[i];
    std::uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) +
                       ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1;
    d = c, c = b, b = a, a = t1 + t2;
  }
  const std::array<std::uint32_t, 8> sum = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < sum.size(); ++i) state_[i] += sum[i];
  wipe_object(w);
}

Sha256Digest sha256(Bytes message) {
  Sha256 hash;
  hash.add(message);
  return hash.digest();
}

Sha256Digest hmac_sha256(Bytes key, Bytes message) {
  std::array<std::byte, 64> pad{};
  Sha256Digest short_key;
  if (key.size() > pad.size()) {
    short_key = sha256(key);
    key = short_key;
  }
  std::copy(key.begin(), key.end(), pad.begin());
  Sha256 inner, outer;
  for (std::byte& byte : pad) byte ^= std::byte{0x36};
  inner.add(pad);
  inner.add(message);
  for (std::byte& byte : pad) byte ^= std::byte{0x36} ^ std::byte{0x5c};
  outer.add(pad);
  outer.add(inner.digest());
  wipe_object(pad);
  wipe_object(short_key);
  return outer.digest();
}

bool equal_in_constant_time(Bytes a, Bytes b) {
  assert(a.size() == b.size());
  // Volatile, so that no compiler stops at the first difference.
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = difference | std::to_integer<std::uint8_t>(a[i] ^ b[i]);
  }
  return difference == 0;
}

void wipe(MutableBytes secret) { explicit_bzero(secret.data(), secret.size()); }

}  // namespace ginnel
