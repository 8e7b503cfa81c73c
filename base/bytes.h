// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ginnel {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Stores `value` big-endian at `at`, which has room for it.
template <typename Unsigned>
void store_be(std::byte* at, Unsigned value) {
  for (std::size_t i = sizeof value; i-- > 0;) {
    at[i] = static_cast<std::byte>(value & 0xff);
    if constexpr (sizeof value > 1) value >>= 8;
  }
}

// The big-endian number at `at`.
template <typename Unsigned>
Unsigned load_be(const std::byte* at) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    if constexpr (sizeof value > 1) value <<= 8;
    value |= std::to_integer<Unsigned>(at[i]);
  }
  return value;
}

// Reads big-endian numbers and runs of bytes from the front of what someone
// sent. Reading past the end yields zeros and makes ok() false for good, so a
// message is parsed straight through and checked once.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  template <typename Unsigned>
  Unsigned number() {
    Bytes at = bytes(sizeof(Unsigned));
    return at.empty() ? Unsigned{0} : load_be<Unsigned>(at.data());
  }
  std::uint8_t u8() { return number<std::uint8_t>(); }
  std::uint16_t u16() { return number<std::uint16_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }

  // The next `count` bytes; empty, and not ok, when there are fewer.
  Bytes bytes(std::size_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  std::string_view text(std::size_t count) { return as_text(bytes(count)); }

  Bytes rest() const { return rest_; }
  bool ok() const { return ok_; }
  // Everything was there and nothing is left over.
  bool complete() const { return ok_ && rest_.empty(); }

 private:
  Bytes rest_;
  bool ok_ = true;
};

// Builds a message of big-endian numbers and runs of bytes.
class ByteWriter {
 public:
  template <typename Unsigned>
  void number(Unsigned value) {
    std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    store_be(bytes_.data() + at, value);
  }
  void u8(std::uint8_t value) { number(value); }
  void u16(std::uint16_t value) { number(value); }
  void u32(std::uint32_t value) { number(value); }
  void u64(std::uint64_t value) { number(value); }
  void bytes(Bytes run) { bytes_.insert(bytes_.end(), run.begin(), run.end()); }
  void text(std::string_view run) { bytes(as_bytes(run)); }

  std::size_t size() const { return bytes_.size(); }
  Bytes view() const { return bytes_; }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace ginnel
