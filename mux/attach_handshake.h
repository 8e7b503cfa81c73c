// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mux/attach.h"

// How a further link joins a running session: both ends prove to hold its key,
// the helper first, so that no one who merely answers can make a client prove
// anything to him. PROTOCOL.md, "Attaching", is the normative text. Pure: bytes
// go in, bytes and a verdict come out; nonces and deadlines are the caller's.
//
// After an error the link is to be closed, once take_output() (a GOODBYE with
// the reason) has been given to it; nothing more is to be received.
namespace ginnel::mux {

// A link on which both ends have proved themselves.
struct Attached {
  AttachRole role = AttachRole::kLane;
  std::uint32_t epoch = 0;
  Position received = 0;  // what the other end has of our sequence
};

// What the two handshakes share: frames in, frames out. Holds one unfinished
// frame, and what was received after the last.
class AttachFrames {
 public:
  // Longest of the payloads: a GOODBYE's sentence.
  static constexpr std::size_t kMaxPayload = 1024;

  void add(Bytes bytes);
  struct Frame {
    FrameType type{};
    std::vector<std::byte> payload;
  };
  Result<std::optional<Frame>> next();
  void send(FrameType type, Bytes payload);
  // The reason may be cut.
  void send_goodbye(std::string_view reason);
  void send_text(std::string_view text);

  std::vector<std::byte> take_input() { return std::exchange(input_, {}); }
  std::vector<std::byte> take_output() { return std::exchange(output_, {}); }

 private:
  std::vector<std::byte> input_;
  std::vector<std::byte> output_;
};

class AttachClient {
 public:
  // What the login at the far end may print before the helper has its stdout.
  static constexpr std::size_t kMaxNoise = 64 * 1024;

  // `received` is what this end has of the helper's sequence; `nonce` is
  // random, and new for each link.
  AttachClient(const SessionKey& key, AttachRole role, std::uint32_t epoch,
               Position received, const AttachNonce& nonce);

  // Nothing: more is needed. Attached: what follows in take_output() and
  // take_rest() is the last of the handshake and the first of the session.
  // An error with errc::permission_denied: whoever answers has not the key.
  Result<std::optional<Attached>> receive(Bytes bytes);
  // What is to be sent next: at first ATTACH.
  std::vector<std::byte> take_output() { return frames_.take_output(); }
  // What was received behind the handshake.
  std::vector<std::byte> take_rest() { return frames_.take_input(); }

 private:
  Result<bool> skip_noise(Bytes bytes);
  Result<std::optional<Attached>> on_frame(const AttachFrames::Frame& frame);
  Error refuse(Error why);

  SessionKey key_;
  Attach attach_;
  AttachFrames frames_;
  std::string noise_;  // and the marker's first bytes
  bool marked_ = false;
};

class AttachHelper {
 public:
  // Whether a link of the right session and this role and epoch is taken. If
  // so, what this end has received of the client's sequence; else why not,
  // which the client is told. Nothing is proved yet: it must change nothing.
  using Admit = std::function<Result<Position>(const Attach&)>;

  AttachHelper(const SessionKey& key, const AttachNonce& nonce, Admit admit);

  // As AttachClient's. An error with errc::permission_denied is a wrong
  // session or a wrong proof, with errc::bad_message no handshake at all: who
  // gathers many of these is guessing. Others are admit's.
  Result<std::optional<Attached>> receive(Bytes bytes);
  std::vector<std::byte> take_output() { return frames_.take_output(); }
  std::vector<std::byte> take_rest() { return frames_.take_input(); }

 private:
  Result<std::optional<Attached>> on_frame(const AttachFrames::Frame& frame);
  Result<void> on_attach(Bytes payload);
  Result<std::optional<Attached>> on_proof(Bytes payload);

  SessionKey key_;
  Admit admit_;
  std::optional<Attach> attach_;  // once it has come
  Challenge challenge_;
  AttachFrames frames_;
};

// The line that the helper prints before its first frame, so that the client
// finds that in whatever a login prints: a session's frames begin behind it.
std::string attach_marker(const AttachNonce& client_nonce);

}  // namespace ginnel::mux
