// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/bytes.h"

#include <doctest/doctest.h>

#include <string>

namespace ginnel {

TEST_CASE("base: numbers are written with their high byte first") {
  ByteWriter writer;
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.u64(0x08090a0b0c0d0e0f);
  std::string wanted("\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf");
  CHECK(as_text(writer.view()) == wanted);

  ByteReader reader(writer.view());
  CHECK(reader.u8() == 0x01);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u32() == 0x04050607);
  CHECK(reader.u64() == 0x08090a0b0c0d0e0f);
  CHECK(reader.complete());
}

TEST_CASE("base: high bits survive in both directions") {
  ByteWriter writer;
  writer.u8(0xff);
  writer.u64(0xffffffffffffffff);
  ByteReader reader(writer.view());
  CHECK(reader.u8() == 0xff);
  CHECK(reader.u64() == 0xffffffffffffffff);
}

TEST_CASE("base: reading past the end is zero, and wrong for good") {
  std::string two = "ab";
  ByteReader reader(as_bytes(two));
  CHECK(reader.u32() == 0);
  CHECK_FALSE(reader.ok());
  // The two bytes that were there are not read as something else.
  CHECK(reader.u8() == 0);
  CHECK(reader.bytes(0).empty());
  CHECK_FALSE(reader.ok());
  CHECK_FALSE(reader.complete());
}

TEST_CASE("base: what is left over is neither lost nor complete") {
  std::string text = "abcd";
  ByteReader reader(as_bytes(text));
  CHECK(reader.text(3) == "abc");
  CHECK(reader.ok());
  CHECK_FALSE(reader.complete());
  CHECK(as_text(reader.rest()) == "d");
  CHECK(reader.text(1) == "d");
  CHECK(reader.complete());
}

}  // namespace ginnel
