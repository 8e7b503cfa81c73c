// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/sha1.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace ginnel::transport {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

using State = std::array<std::uint32_t, 5>;

void add_block(State& state, const std::byte* block) {
  std::array<std::uint32_t, 80> w;
  for (std::size_t i = 0; i < 16; ++i) {
    w[i] = load_be<std::uint32_t>(block + 4 * i);
  }
  for (std::size_t i = 16; i < 80; ++i) {
    w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  }
  auto [a, b, c, d, e] = state;
  for (std::size_t i = 0; i < 80; ++i) {
    std::uint32_t f, k;
    if (i < 20) {
      f = (b & c) | (~b & d), k = 0x5a827999;
    } else if (i < 40) {
      f = b ^ c ^ d, k = 0x6ed9eba1;
    } else if (i < 60) {
      f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
    } else {
      f = b ^ c ^ d, k = 0xca62c1d6;
    }
    std::uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
    e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d,
           state[4] + e};
}

}  // namespace

Sha1Digest sha1(Bytes message) {
  std::vector<std::byte> padded(message.begin(), message.end());
  padded.push_back(std::byte{0x80});
  while (padded.size() % kBlock != kBlock - 8) padded.push_back(std::byte{0});
  std::size_t at = padded.size();
  padded.resize(at + 8);
  store_be(padded.data() + at, std::uint64_t{message.size()} * 8);

  State state{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (std::size_t i = 0; i < padded.size(); i += kBlock) {
    add_block(state, padded.data() + i);
  }
  Sha1Digest digest;
  for (std::size_t i = 0; i < 5; ++i) store_be(&digest[4 * i], state[i]);
  return digest;
}

Sha1Digest hmac_sha1(Bytes key, Bytes message) {
  std::array<std::byte, kBlock> block{};
  Sha1Digest short_key;
  if (key.size() > kBlock) {
    short_key = sha1(key);
    key = short_key;
  }
  std::copy(key.begin(), key.end(), block.begin());
  std::vector<std::byte> inner, outer;
  for (std::byte b : block) {
    inner.push_back(b ^ std::byte{0x36});
    outer.push_back(b ^ std::byte{0x5c});
  }
  inner.insert(inner.end(), message.begin(), message.end());
  Sha1Digest digest = sha1(inner);
  outer.insert(outer.end(), digest.begin(), digest.end());
  return sha1(outer);
}

std::string base64_encode(Bytes bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::size_t left = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      word <<= 8;
      if (j < left) word |= std::to_integer<std::uint32_t>(bytes[i + j]);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= left ? kAlphabet[(word >> (18 - 6 * j)) & 63] : '=';
    }
  }
  return text;
}

std::optional<std::vector<std::byte>> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t end = text.find('=');
  if (end == text.npos) end = text.size();
  if (text.size() - end > 2) return std::nullopt;
  std::vector<std::byte> bytes;
  std::uint32_t word = 0;
  int bits = 0;
  for (char c : text.substr(0, end)) {
    std::size_t value = kAlphabet.find(c);
    if (value == kAlphabet.npos) return std::nullopt;
    word = (word << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<std::byte>((word >> bits) & 0xff));
    }
  }
  if (text.find_first_not_of('=', end) != text.npos) return std::nullopt;
  return bytes;
}

}  // namespace ginnel::transport
