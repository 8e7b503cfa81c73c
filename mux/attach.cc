// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/attach.h"

#include <algorithm>
#include <cassert>

namespace ginnel::mux {
namespace {

// PID_MAX_LIMIT of a 64-bit kernel.
constexpr std::uint32_t kMaxPid = 1 << 22;

Error malformed(std::string_view what) {
  return Error(std::make_error_code(std::errc::bad_message),
               concat("malformed ", what));
}

// The next bytes into an array; zeroes, and not ok, when there are fewer.
template <std::size_t size>
void read_into(ByteReader& reader, std::array<std::byte, size>& array) {
  Bytes bytes = reader.bytes(size);
  std::copy(bytes.begin(), bytes.end(), array.begin());
}

bool is_lower_hexadecimal(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

std::vector<std::byte> encode(const SessionKey& key) {
  // In one piece: what a vector outgrows is not wiped.
  std::vector<std::byte> payload(key.id.size() + key.key.size());
  auto at = std::copy(key.id.begin(), key.id.end(), payload.begin());
  std::copy(key.key.begin(), key.key.end(), at);
  return payload;
}

Result<SessionKey> decode_session_key(Bytes payload) {
  ByteReader reader(payload);
  SessionKey key;
  read_into(reader, key.id);
  read_into(reader, key.key);
  if (!reader.complete()) return malformed("KEY");
  return key;
}

bool is_attach_name(std::string_view name) {
  return name.size() == kAttachPrefix.size() + kAttachDigits &&
         name.starts_with(kAttachPrefix) &&
         std::all_of(name.begin() + kAttachPrefix.size(), name.end(),
                     is_lower_hexadecimal);
}

std::vector<std::byte> encode(const Attachable& attachable) {
  assert(attachable.name.empty() || is_attach_name(attachable.name));
  ByteWriter writer;
  writer.u32(attachable.pid);
  writer.u8(attachable.possible() ? 1 : 0);
  writer.text(
      attachable.possible()
          ? std::string_view(attachable.name)
          : std::string_view(attachable.reason).substr(0, kMaxAttachReason));
  return writer.take();
}

Result<Attachable> decode_attachable(Bytes payload) {
  ByteReader reader(payload);
  Attachable attachable;
  attachable.pid = reader.u32();
  std::uint8_t possible = reader.u8();
  std::string_view text = as_text(reader.rest());
  if (!reader.ok() || possible > 1) return malformed("ATTACHABLE");
  if (possible == 0) {
    if (text.size() > kMaxAttachReason) return malformed("ATTACHABLE");
    attachable.reason = text;
    return attachable;
  }
  if (attachable.pid == 0 || attachable.pid > kMaxPid ||
      !is_attach_name(text)) {
    return malformed("ATTACHABLE");
  }
  attachable.name = text;
  return attachable;
}

std::string_view to_string(AttachRole role) {
  switch (role) {
    case AttachRole::kLane:
      return "lane";
    case AttachRole::kResume:
      return "resume";
  }
  return {};
}

std::vector<std::byte> encode(const Attach& attach) {
  ByteWriter writer;
  writer.u8(static_cast<std::uint8_t>(attach.role));
  writer.bytes(attach.session);
  writer.u32(attach.epoch);
  writer.bytes(attach.nonce);
  writer.u64(attach.received);
  return writer.take();
}

Result<Attach> decode_attach(Bytes payload) {
  ByteReader reader(payload);
  Attach attach;
  attach.role = static_cast<AttachRole>(reader.u8());
  read_into(reader, attach.session);
  attach.epoch = reader.u32();
  read_into(reader, attach.nonce);
  attach.received = reader.u64();
  if (!reader.complete() || to_string(attach.role).empty()) {
    return malformed("ATTACH");
  }
  return attach;
}

std::vector<std::byte> encode(const Challenge& challenge) {
  ByteWriter writer;
  writer.bytes(challenge.nonce);
  writer.u64(challenge.received);
  writer.bytes(challenge.proof);
  return writer.take();
}

Result<Challenge> decode_challenge(Bytes payload) {
  ByteReader reader(payload);
  Challenge challenge;
  read_into(reader, challenge.nonce);
  challenge.received = reader.u64();
  read_into(reader, challenge.proof);
  if (!reader.complete()) return malformed("CHALLENGE");
  return challenge;
}

std::vector<std::byte> encode(const Proof& proof) {
  return {proof.proof.begin(), proof.proof.end()};
}

Result<Proof> decode_proof(Bytes payload) {
  ByteReader reader(payload);
  Proof proof;
  read_into(reader, proof.proof);
  if (!reader.complete()) return malformed("PROOF");
  return proof;
}

}  // namespace ginnel::mux
