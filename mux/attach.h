// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/sha256.h"
#include "mux/frame.h"

// The payloads of the frames by which a further link joins a running session;
// PROTOCOL.md, "Attaching", is the normative text, attach_handshake.h what is
// done with them. Pure.
//
//     first link    KEY ->              ATTACHABLE <-
//     new link      ATTACH ->           CHALLENGE <-         PROOF ->
namespace ginnel::mux {

using SessionId = std::array<std::byte, 16>;
using AttachNonce = std::array<std::byte, 32>;

// KEY: what a session is known by, and the secret that both ends prove to hold
// when a link joins it. It is only ever in memory: every copy wipes itself. The
// bytes that encode() makes hold it too; wipe() them once they are sent.
struct SessionKey {
  SessionId id{};
  std::array<std::byte, 32> key{};

  SessionKey() = default;
  SessionKey(const SessionKey&) = default;
  SessionKey& operator=(const SessionKey&) = default;
  ~SessionKey() { wipe(key); }
};
std::vector<std::byte> encode(const SessionKey& key);
Result<SessionKey> decode_session_key(Bytes payload);

// ATTACHABLE: where further links are taken, or why nowhere.
struct Attachable {
  // The helper's process id, in its own PID namespace.
  std::uint32_t pid = 0;
  // Of the abstract Unix socket it listens on: kAttachPrefix and 32 lower-case
  // hexadecimal digits. Empty: links cannot join.
  std::string name;
  // Why not; of at most kMaxAttachReason bytes, untrusted. Only without a name.
  std::string reason;

  bool possible() const { return !name.empty(); }
};
inline constexpr std::string_view kAttachPrefix = "ginnel-";
inline constexpr std::size_t kAttachDigits = 32;
inline constexpr std::size_t kMaxAttachReason = 512;
// REQUIRES: a name as above, or none.
std::vector<std::byte> encode(const Attachable& attachable);
// The name goes into a shell's command line, so one that is not exactly as
// above is an error, as is a pid that Linux does not have.
Result<Attachable> decode_attachable(Bytes payload);
bool is_attach_name(std::string_view name);

// What a link that attaches is for.
enum class AttachRole : std::uint8_t {
  kLane = 1,    // carry the session beside the links it has
  kResume = 2,  // take the place of the links it has, which are dead
};
std::string_view to_string(AttachRole role);

// ATTACH: the client's first frame on the new link, in HELLO's place.
struct Attach {
  AttachRole role = AttachRole::kLane;
  SessionId session{};
  // Counts the session's fresh starts: 0 for the first link and its lanes; each
  // resume has a higher one than all before it, and its lanes the same.
  std::uint32_t epoch = 0;
  AttachNonce nonce{};
  Position received = 0;  // of the helper's sequence
};
std::vector<std::byte> encode(const Attach& attach);
Result<Attach> decode_attach(Bytes payload);

// CHALLENGE: the helper's answer, which proves that it holds the key.
struct Challenge {
  AttachNonce nonce{};
  Position received = 0;  // of the client's sequence
  Sha256Digest proof{};
};
std::vector<std::byte> encode(const Challenge& challenge);
Result<Challenge> decode_challenge(Bytes payload);

// PROOF: the client holds the key too. What follows it is the session's.
struct Proof {
  Sha256Digest proof{};
};
std::vector<std::byte> encode(const Proof& proof);
Result<Proof> decode_proof(Bytes payload);

}  // namespace ginnel::mux
