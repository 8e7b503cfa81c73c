// SPDX-License-Identifier: GPL-3.0-or-later
// What both ends of an attaching link make of anything. The first byte chooses
// what the rest is: a payload for the decoders, a link's bytes for the helper
// or, behind the marker, for the client, or changes to an honest handshake.
// Nobody who has not the key may be taken for one who has.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "mux/attach_handshake.h"

namespace {

using namespace ginnel;
using namespace ginnel::mux;

void require(bool holds) {
  if (!holds) std::abort();
}

AttachNonce nonce(int byte) {
  AttachNonce nonce;
  nonce.fill(static_cast<std::byte>(byte));
  return nonce;
}

SessionKey session_key() {
  SessionKey key;
  key.id.fill(std::byte{1});
  key.key.fill(std::byte{2});
  return key;
}

AttachClient make_client() {
  return AttachClient(session_key(), AttachRole::kLane, 0, 3, nonce(4));
}

AttachHelper make_helper() {
  return AttachHelper(session_key(), nonce(5),
                      [](const Attach& attach) -> Result<Position> {
                        if (attach.role == AttachRole::kLane) return Position{};
                        return Error("lanes only");
                      });
}

// What decodes encodes to the same bytes.
template <typename Decode>
void decode(Bytes payload, Decode decode) {
  auto decoded = decode(payload);
  if (!decoded) return;
  std::vector<std::byte> again = encode(*decoded);
  require(
      std::equal(again.begin(), again.end(), payload.begin(), payload.end()));
}

void decode_all(Bytes payload) {
  decode(payload, decode_session_key);
  decode(payload, decode_attach);
  decode(payload, decode_challenge);
  decode(payload, decode_proof);
  auto where = decode_attachable(payload);
  if (where && where->possible()) require(is_attach_name(where->name));
  if (where) require(where->reason.size() <= kMaxAttachReason);
}

// Feeds `bytes` in pieces of `cut`; whether the link counts as proved.
template <typename End>
bool feed(End& end, Bytes bytes, std::size_t cut) {
  while (!bytes.empty()) {
    Bytes piece = bytes.first(std::min(cut, bytes.size()));
    bytes = bytes.subspan(piece.size());
    auto attached = end.receive(piece);
    require(end.take_output().size() < 4096);
    if (!attached) return false;
    if (*attached) return true;
  }
  require(end.take_rest().size() <= cut + kHeaderSize + 1024);
  return false;
}

// Each change is a place and what is added to its byte.
std::vector<std::byte> changed(std::vector<std::byte> bytes, ByteReader& how) {
  std::size_t changes = how.u8() % 4;
  for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) {
    std::size_t at = how.u8() % bytes.size();
    bytes[at] ^= static_cast<std::byte>(how.u8());
  }
  return bytes;
}

void change_handshake(Bytes input) {
  ByteReader how(input);
  AttachClient client = make_client();
  AttachHelper helper = make_helper();
  std::vector<std::byte> honest = client.take_output();
  std::vector<std::byte> sent = changed(honest, how);
  bool same = sent == honest;
  auto taken = helper.receive(sent);
  require(!taken || !*taken);
  honest = helper.take_output();
  sent = changed(honest, how);
  same = same && sent == honest;
  auto at_client = client.receive(sent);
  require((at_client && *at_client) == same);
  if (!same) return;
  honest = client.take_output();
  sent = changed(honest, how);
  auto at_helper = helper.receive(sent);
  require((at_helper && *at_helper) == (sent == honest));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  Bytes bytes = std::as_bytes(std::span(data + 1, size - 1));
  std::size_t cut = 1 + (data[0] >> 2) * 7;
  switch (data[0] & 3) {
    case 0:
      decode_all(bytes);
      break;
    case 1: {
      AttachHelper helper = make_helper();
      require(!feed(helper, bytes, cut));
      break;
    }
    case 2: {
      AttachClient client = make_client();
      require(client.receive(as_bytes(attach_marker(nonce(4)))).has_value());
      require(!feed(client, bytes, cut));
      break;
    }
    case 3:
      change_handshake(bytes);
      break;
  }
  return 0;
}
