// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/sha1.h"

#include <doctest/doctest.h>

#include <string>

using namespace ginnel;
using namespace ginnel::transport;

namespace {

std::string hex(Bytes bytes) {
  std::string text;
  for (std::byte byte : bytes) {
    text += "0123456789abcdef"[std::to_integer<int>(byte) >> 4];
    text += "0123456789abcdef"[std::to_integer<int>(byte) & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("sha1: gives the digests of FIPS 180") {
  CHECK(hex(sha1(as_bytes(""))) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(hex(sha1(as_bytes("abc"))) ==
        "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex(sha1(as_bytes(
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))) ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(hex(sha1(as_bytes(std::string(1000000, 'a')))) ==
        "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST_CASE("sha1: the HMAC is that of RFC 2202") {
  CHECK(hex(hmac_sha1(as_bytes("Jefe"),
                      as_bytes("what do ya want for nothing?"))) ==
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  CHECK(hex(hmac_sha1(as_bytes(std::string(80, '\xaa')),
                      as_bytes("Test Using Larger Than Block-Size Key - "
                               "Hash Key First"))) ==
        "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST_CASE("base64: what was written is read back, at every length") {
  std::string text = "any carnal pleas";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    CAPTURE(size);
    Bytes bytes = as_bytes(text).first(size);
    auto back = base64_decode(base64_encode(bytes));
    REQUIRE(back);
    CHECK(as_text(*back) == text.substr(0, size));
  }
  CHECK(base64_encode(as_bytes("carnal pleas")) == "Y2FybmFsIHBsZWFz");
  CHECK(base64_encode(as_bytes("pleasure.")) == "cGxlYXN1cmUu");
  CHECK(base64_encode(as_bytes("easure.")) == "ZWFzdXJlLg==");
}

TEST_CASE("base64: what is not base64 is refused") {
  for (const char* text : {"abc", "ab=c", "====", "a===", "ab c", "ab\ncd=="}) {
    CAPTURE(text);
    CHECK(!base64_decode(text));
  }
}
