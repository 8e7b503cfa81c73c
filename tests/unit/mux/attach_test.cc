// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/attach.h"

#include <doctest/doctest.h>

#include <string>

namespace ginnel::mux {
namespace {

constexpr const char* kName = "ginnel-0123456789abcdef0123456789abcdef";

template <std::size_t size>
std::array<std::byte, size> filled(int byte) {
  std::array<std::byte, size> array;
  array.fill(static_cast<std::byte>(byte));
  return array;
}

// `decode` takes exactly this payload: not one byte less, not one more.
template <typename Decode>
void check_exact(std::vector<std::byte> payload, Decode decode) {
  CHECK(decode(payload).has_value());
  for (std::size_t size = 0; size < payload.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode(Bytes(payload).first(size)).has_value());
  }
  payload.push_back(std::byte{0});
  CHECK_FALSE(decode(payload).has_value());
}

Attachable at(std::uint32_t pid, std::string name, std::string reason = {}) {
  Attachable attachable;
  attachable.pid = pid;
  attachable.name = std::move(name);
  attachable.reason = std::move(reason);
  return attachable;
}

// The payload of a place with any name, as a hostile helper may write it.
std::vector<std::byte> place_payload(std::uint32_t pid, std::string_view name) {
  ByteWriter writer;
  writer.u32(pid);
  writer.u8(1);
  writer.text(name);
  return writer.take();
}

bool takes_name(std::string_view name) {
  return decode_attachable(place_payload(77, name)).has_value();
}

}  // namespace

TEST_CASE("attach: KEY comes back as it went") {
  SessionKey key;
  key.id = filled<16>(1);
  key.key = filled<32>(2);
  auto payload = encode(key);
  CHECK(payload.size() == 48);
  auto back = decode_session_key(payload);
  REQUIRE(back.has_value());
  CHECK(back->id == key.id);
  CHECK(back->key == key.key);
  check_exact(payload, decode_session_key);
}

TEST_CASE("attach: ATTACHABLE is a place") {
  auto payload = encode(at(4711, kName));
  auto back = decode_attachable(payload);
  REQUIRE(back.has_value());
  CHECK(back->possible());
  CHECK(back->pid == 4711);
  CHECK(back->name == kName);
  CHECK(back->reason.empty());
  check_exact(payload, decode_attachable);
}

TEST_CASE("attach: ATTACHABLE is a reason, of a bounded length") {
  auto back = decode_attachable(encode(at(0, "", "no /proc there")));
  REQUIRE(back.has_value());
  CHECK_FALSE(back->possible());
  CHECK(back->reason == "no /proc there");

  auto longest = encode(at(0, "", std::string(5000, 'x')));
  auto cut = decode_attachable(longest);
  REQUIRE(cut.has_value());
  CHECK(cut->reason.size() == kMaxAttachReason);
  longest.push_back(std::byte{'x'});
  CHECK_FALSE(decode_attachable(longest).has_value());
}

TEST_CASE("attach: no name gets through that a shell could misread") {
  CHECK(takes_name(kName));
  CHECK_FALSE(takes_name(""));
  CHECK_FALSE(takes_name("ginnel-"));
  for (const char* bad : {"ginnel-0123456789abcdef0123456789abcde",
                          "ginnel-0123456789abcdef0123456789abcdef0",
                          "Ginnel-0123456789abcdef0123456789abcdef",
                          "ginnel-0123456789ABCDEF0123456789ABCDEF",
                          "ginnel-0123456789abcdef0123456789abcd g",
                          "ginnel-$(reboot)89abcdef0123456789abcde"}) {
    CAPTURE(bad);
    CHECK_FALSE(takes_name(bad));
  }
  for (int c = 0; c < 256; ++c) {
    CAPTURE(c);
    std::string name = kName;
    name[20] = static_cast<char>(c);
    bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    CHECK(takes_name(name) == digit);
  }
}

TEST_CASE("attach: a place has a pid that there can be") {
  CHECK(decode_attachable(place_payload(1, kName)).has_value());
  CHECK(decode_attachable(place_payload(1 << 22, kName)).has_value());
  CHECK_FALSE(decode_attachable(place_payload(0, kName)).has_value());
  CHECK_FALSE(decode_attachable(place_payload((1 << 22) + 1, kName)));
  CHECK_FALSE(decode_attachable(place_payload(0xffffffff, kName)).has_value());
}

TEST_CASE("attach: ATTACH, CHALLENGE and PROOF come back as they went") {
  Attach attach;
  attach.role = AttachRole::kResume;
  attach.session = filled<16>(3);
  attach.epoch = 0x01020304;
  attach.nonce = filled<32>(4);
  attach.received = 0x1122334455667788;
  auto payload = encode(attach);
  CHECK(payload.size() == 61);
  auto attached = decode_attach(payload);
  REQUIRE(attached.has_value());
  CHECK(attached->role == AttachRole::kResume);
  CHECK(attached->session == attach.session);
  CHECK(attached->epoch == attach.epoch);
  CHECK(attached->nonce == attach.nonce);
  CHECK(attached->received == attach.received);
  check_exact(payload, decode_attach);

  Challenge challenge;
  challenge.nonce = filled<32>(5);
  challenge.received = 0xffffffffffffffff;
  challenge.proof = filled<32>(6);
  payload = encode(challenge);
  CHECK(payload.size() == 72);
  auto challenged = decode_challenge(payload);
  REQUIRE(challenged.has_value());
  CHECK(challenged->nonce == challenge.nonce);
  CHECK(challenged->received == challenge.received);
  CHECK(challenged->proof == challenge.proof);
  check_exact(payload, decode_challenge);

  Proof proof;
  proof.proof = filled<32>(7);
  payload = encode(proof);
  auto proved = decode_proof(payload);
  REQUIRE(proved.has_value());
  CHECK(proved->proof == proof.proof);
  check_exact(payload, decode_proof);
}

TEST_CASE("attach: there are two roles") {
  for (int role = 0; role < 256; ++role) {
    CAPTURE(role);
    auto payload = encode(Attach());
    payload[0] = static_cast<std::byte>(role);
    CHECK(decode_attach(payload).has_value() == (role == 1 || role == 2));
  }
}

}  // namespace ginnel::mux
