// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace ginnel::lab {

// What bulk transfers carry: an endless sequence of bytes, the same each time
// and cheap enough (splitmix64) never to be the slow part.
class Pattern {
 public:
  explicit Pattern(std::uint64_t seed) : state_(seed) {}

  // The next bytes, at most `limit`, valid until the next call. A piece cut
  // short by `limit` is the last that may be asked for.
  std::span<const char> next(std::uint64_t limit) {
    for (std::uint64_t& word : block_) word = next_word();
    auto size = std::min<std::uint64_t>(limit, sizeof block_);
    return {reinterpret_cast<const char*>(block_.data()), size};
  }

 private:
  std::uint64_t next_word() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
  std::array<std::uint64_t, 8192> block_;
};

// Every download and upload of the lab carries this one.
inline constexpr std::uint64_t kBulkSeed = 1;

class Sha256 {
 public:
  Sha256() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }

  void update(std::span<const char> data) {
    EVP_DigestUpdate(context_.get(), data.data(), data.size());
  }

  // REQUIRES: called once, last.
  std::string hex() {
    std::array<unsigned char, 32> digest;
    EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    std::string result;
    for (unsigned char byte : digest) {
      result += "0123456789abcdef"[byte >> 4];
      result += "0123456789abcdef"[byte & 15];
    }
    return result;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{
      EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

// The hash of the first `bytes` of the bulk pattern.
inline std::string bulk_hash(std::uint64_t bytes) {
  Pattern pattern(kBulkSeed);
  Sha256 hash;
  while (bytes > 0) {
    auto piece = pattern.next(bytes);
    hash.update(piece);
    bytes -= piece.size();
  }
  return hash.hex();
}

}  // namespace ginnel::lab
