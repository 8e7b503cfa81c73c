// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/sha256.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ginnel;

namespace {

std::string hex(Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::byte byte : bytes) {
    text += kDigits[std::to_integer<int>(byte) >> 4];
    text += kDigits[std::to_integer<int>(byte) & 15];
  }
  return text;
}

std::vector<std::byte> repeated(std::size_t count, int byte) {
  return std::vector<std::byte>(count, static_cast<std::byte>(byte));
}

std::string hash(std::string_view text) { return hex(sha256(as_bytes(text))); }

std::string mac(Bytes key, std::string_view text) {
  return hex(hmac_sha256(key, as_bytes(text)));
}

}  // namespace

TEST_CASE("sha256: NIST's examples (FIPS 180-4, SHAVS)") {
  CHECK(hash("") ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
             "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu") ==
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(hash(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: lengths about a block's end (NIST, repeated zero bytes)") {
  auto zeroes = [](std::size_t count) {
    return hex(sha256(repeated(count, 0)));
  };
  CHECK(zeroes(55) ==
        "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7");
  CHECK(zeroes(56) ==
        "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb");
  CHECK(zeroes(57) ==
        "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785");
  CHECK(zeroes(64) ==
        "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b");
  CHECK(zeroes(1000) ==
        "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53");
}

TEST_CASE("sha256: the hash of the pieces is the hash of the whole") {
  std::string text(300, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = "ginnel"[i % 6];
  std::string whole = hash(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    CAPTURE(cut);
    Sha256 pieces;
    pieces.add(as_bytes(text).first(cut));
    pieces.add(as_bytes(text).subspan(cut));
    CHECK(hex(pieces.digest()) == whole);
  }
}

TEST_CASE("hmac_sha256: RFC 4231's test cases") {
  CHECK(mac(repeated(20, 0x0b), "Hi There") ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(mac(as_bytes("Jefe"), "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(mac(repeated(20, 0xaa), std::string(50, '\xdd')) ==
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  std::vector<std::byte> counting;
  for (int i = 1; i <= 25; ++i) counting.push_back(static_cast<std::byte>(i));
  CHECK(mac(counting, std::string(50, '\xcd')) ==
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  // Case 5 shows the first 128 bits only.
  CHECK(mac(repeated(20, 0x0c), "Test With Truncation").substr(0, 32) ==
        "a3b6167473100ee06e0c796c2955552b");
  CHECK(mac(repeated(131, 0xaa),
            "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK(mac(repeated(131, 0xaa),
            "This is a test using a larger than block-size key and a larger "
            "than block-size data. The key needs to be hashed before being "
            "used by the HMAC algorithm.") ==
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST_CASE("equal_in_constant_time: one bit anywhere makes the difference") {
  std::vector<std::byte> a = repeated(32, 0x5a);
  std::vector<std::byte> b = a;
  CHECK(equal_in_constant_time(a, b));
  CHECK(equal_in_constant_time({}, {}));
  for (std::size_t bit = 0; bit < 8 * b.size(); ++bit) {
    CAPTURE(bit);
    b[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    CHECK_FALSE(equal_in_constant_time(a, b));
    b[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
  }
}

TEST_CASE("wipe: leaves zeroes") {
  std::vector<std::byte> secret = repeated(40, 7);
  wipe(secret);
  CHECK(secret == repeated(40, 0));
}
