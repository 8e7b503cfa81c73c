// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/attach_handshake.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace ginnel::mux {
namespace {

// Of one length, so that no message of one is a message of the other.
constexpr std::string_view kHelperLabel = "ginnel helper";
constexpr std::string_view kClientLabel = "ginnel client";

Sha256Digest prove(const SessionKey& key, std::string_view label,
                   const Attach& attach, const Challenge& challenge) {
  ByteWriter writer;
  writer.text(label);
  writer.u8(static_cast<std::uint8_t>(attach.role));
  writer.bytes(attach.session);
  writer.u32(attach.epoch);
  writer.bytes(attach.nonce);
  writer.bytes(challenge.nonce);
  writer.u64(attach.received);
  writer.u64(challenge.received);
  return hmac_sha256(key.key, writer.view());
}

Error denied(std::string_view what) {
  return Error(std::make_error_code(std::errc::permission_denied),
               std::string(what));
}

Error unexpected(FrameType type) {
  return Error(std::make_error_code(std::errc::bad_message),
               concat(to_string(type), " while a link attaches"));
}

}  // namespace

std::string attach_marker(const AttachNonce& client_nonce) {
  return concat("ginnel-helper attached ", hexadecimal(client_nonce), "\n");
}

void AttachFrames::add(Bytes bytes) {
  input_.insert(input_.end(), bytes.begin(), bytes.end());
}

Result<std::optional<AttachFrames::Frame>> AttachFrames::next() {
  if (input_.size() < kHeaderSize) return std::optional<Frame>();
  Result<Header> header = decode_header(input_);
  if (!header) return header.error();
  if (header->length > kMaxPayload || header->position != 0) {
    return unexpected(header->type);
  }
  std::size_t size = kHeaderSize + header->length;
  if (input_.size() < size) return std::optional<Frame>();
  auto end = input_.begin() + static_cast<std::ptrdiff_t>(size);
  Frame frame{header->type, {input_.begin() + kHeaderSize, end}};
  input_.erase(input_.begin(), end);
  return std::optional(std::move(frame));
}

void AttachFrames::send(FrameType type, Bytes payload) {
  Header header;
  header.type = type;
  header.length = static_cast<std::uint16_t>(payload.size());
  std::array<std::byte, kHeaderSize> encoded;
  encode(header, encoded.data());
  output_.insert(output_.end(), encoded.begin(), encoded.end());
  output_.insert(output_.end(), payload.begin(), payload.end());
}

void AttachFrames::send_goodbye(std::string_view reason) {
  send(FrameType::kGoodbye, as_bytes(reason.substr(0, kMaxPayload)));
}

void AttachFrames::send_text(std::string_view text) {
  Bytes bytes = as_bytes(text);
  output_.insert(output_.end(), bytes.begin(), bytes.end());
}

AttachClient::AttachClient(const SessionKey& key, AttachRole role,
                           std::uint32_t epoch, Position received,
                           const AttachNonce& nonce)
    : key_(key) {
  attach_.role = role;
  attach_.session = key.id;
  attach_.epoch = epoch;
  attach_.nonce = nonce;
  attach_.received = received;
  frames_.send(FrameType::kAttach, encode(attach_));
}

Result<std::optional<Attached>> AttachClient::receive(Bytes bytes) {
  if (!marked_) {
    Result<bool> found = skip_noise(bytes);
    if (!found) return refuse(found.error());
    if (!*found) return std::optional<Attached>();
  } else {
    frames_.add(bytes);
  }
  Result<std::optional<AttachFrames::Frame>> frame = frames_.next();
  if (!frame) return refuse(frame.error());
  if (!*frame) return std::optional<Attached>();
  return on_frame(**frame);
}

// Whether the marker has been found; what is behind it is input.
Result<bool> AttachClient::skip_noise(Bytes bytes) {
  std::string marker = attach_marker(attach_.nonce);
  // It may have begun in what came before; the rest has been looked through.
  std::size_t from = noise_.size() - std::min(noise_.size(), marker.size());
  noise_ += as_text(bytes);
  std::size_t at = noise_.find(marker, from);
  if (at > kMaxNoise && noise_.size() > kMaxNoise) {
    return Error("the login prints too much before it runs our command");
  }
  if (at == noise_.npos) return false;
  marked_ = true;
  frames_.add(as_bytes(noise_).subspan(at + marker.size()));
  noise_ = {};
  return true;
}

Result<std::optional<Attached>> AttachClient::on_frame(
    const AttachFrames::Frame& frame) {
  if (frame.type == FrameType::kGoodbye) {
    return Error(concat("the helper takes no further link: ",
                        printable(as_text(frame.payload))));
  }
  if (frame.type != FrameType::kChallenge) {
    return refuse(unexpected(frame.type));
  }
  Result<Challenge> challenge = decode_challenge(frame.payload);
  if (!challenge) return refuse(challenge.error());
  if (!equal_in_constant_time(challenge->proof,
                              prove(key_, kHelperLabel, attach_, *challenge))) {
    return refuse(denied("whoever answers does not hold the session's key"));
  }
  Proof proof;
  proof.proof = prove(key_, kClientLabel, attach_, *challenge);
  frames_.send(FrameType::kProof, encode(proof));
  Attached attached{attach_.role, attach_.epoch, challenge->received};
  return std::optional(attached);
}

Error AttachClient::refuse(Error why) {
  frames_.send_goodbye(why.message());
  return why;
}

AttachHelper::AttachHelper(const SessionKey& key, const AttachNonce& nonce,
                           Admit admit)
    : key_(key), admit_(std::move(admit)) {
  challenge_.nonce = nonce;
}

Result<std::optional<Attached>> AttachHelper::receive(Bytes bytes) {
  frames_.add(bytes);
  for (;;) {
    Result<std::optional<AttachFrames::Frame>> frame = frames_.next();
    if (frame && !*frame) return std::optional<Attached>();
    Result<std::optional<Attached>> attached =
        frame ? on_frame(**frame) : frame.error();
    if (attached && !*attached) continue;
    if (!attached) frames_.send_goodbye(attached.error().message());
    return attached;
  }
}

Result<std::optional<Attached>> AttachHelper::on_frame(
    const AttachFrames::Frame& frame) {
  if (frame.type == FrameType::kProof && attach_) {
    return on_proof(frame.payload);
  }
  if (frame.type == FrameType::kAttach && !attach_) {
    Result<void> taken = on_attach(frame.payload);
    if (!taken) return taken.error();
    return std::optional<Attached>();
  }
  if (frame.type == FrameType::kGoodbye) {
    return Error(concat("the client takes its link back: ",
                        printable(as_text(frame.payload))));
  }
  return unexpected(frame.type);
}

Result<void> AttachHelper::on_attach(Bytes payload) {
  Result<Attach> attach = decode_attach(payload);
  if (!attach) return attach.error();
  // Whatever comes of it, the client has to find the answer.
  frames_.send_text(attach_marker(attach->nonce));
  if (!equal_in_constant_time(attach->session, key_.id)) {
    return denied("no such session here");
  }
  Result<Position> received = admit_(*attach);
  if (!received) return received.error();
  attach_ = *attach;
  challenge_.received = *received;
  challenge_.proof = prove(key_, kHelperLabel, *attach_, challenge_);
  frames_.send(FrameType::kChallenge, encode(challenge_));
  return {};
}

Result<std::optional<Attached>> AttachHelper::on_proof(Bytes payload) {
  Result<Proof> proof = decode_proof(payload);
  if (!proof) return proof.error();
  if (!equal_in_constant_time(
          proof->proof, prove(key_, kClientLabel, *attach_, challenge_))) {
    return denied("the proof is wrong");
  }
  Attached attached{attach_->role, attach_->epoch, attach_->received};
  return std::optional(attached);
}

}  // namespace ginnel::mux
