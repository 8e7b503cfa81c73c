// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/attach_handshake.h"

#include <doctest/doctest.h>

#include <string>

namespace ginnel::mux {
namespace {

using Packet = std::vector<std::byte>;

AttachNonce nonce(int byte) {
  AttachNonce nonce;
  nonce.fill(static_cast<std::byte>(byte));
  return nonce;
}

SessionKey session_key(int id, int key) {
  SessionKey made;
  made.id.fill(static_cast<std::byte>(id));
  made.key.fill(static_cast<std::byte>(key));
  return made;
}

const SessionKey kKey = session_key(1, 2);

// A client and a helper, and what passes between them. `admitted` counts how
// often the helper was asked.
class Pair {
 public:
  explicit Pair(const SessionKey& at_client = kKey,
                const SessionKey& at_helper = kKey, int helper_nonce = 9)
      : client(at_client, AttachRole::kLane, 7, 1000, nonce(8)),
        helper(at_helper, nonce(helper_nonce),
               [this](const Attach&) -> Result<Position> {
                 ++admitted;
                 if (refusal.empty()) return Position{2000};
                 return Error(refusal);
               }) {}

  // The handshake's messages, the first two as they were made.
  Packet attach() { return client.take_output(); }
  Packet challenge() {
    REQUIRE(helper.receive(attach()).has_value());
    return helper.take_output();
  }
  Packet proof() {
    auto done = client.receive(challenge());
    REQUIRE(done.has_value());
    REQUIRE(done->has_value());
    return client.take_output();
  }

  int admitted = 0;
  std::string refusal;
  AttachClient client;
  AttachHelper helper;
};

bool is_denied(const Result<std::optional<Attached>>& result) {
  return !result && result.error().code() == std::errc::permission_denied;
}

// The sentence of the GOODBYE that ends `bytes`.
std::string goodbye_in(const Packet& bytes) {
  for (std::size_t at = 0; at + kHeaderSize <= bytes.size(); ++at) {
    auto header = decode_header(Bytes(bytes).subspan(at));
    if (header && header->type == FrameType::kGoodbye &&
        at + kHeaderSize + header->length == bytes.size()) {
      return std::string(as_text(Bytes(bytes).subspan(at + kHeaderSize)));
    }
  }
  return "";
}

Packet frame(FrameType type, Bytes payload) {
  AttachFrames frames;
  frames.send(type, payload);
  return frames.take_output();
}

Packet joined(Packet a, const Packet& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("attach handshake: both prove themselves and learn what is needed") {
  Pair pair;
  auto at_client = pair.client.receive(pair.challenge());
  REQUIRE(at_client.has_value());
  REQUIRE(at_client->has_value());
  CHECK((*at_client)->role == AttachRole::kLane);
  CHECK((*at_client)->epoch == 7);
  CHECK((*at_client)->received == 2000);
  auto at_helper = pair.helper.receive(pair.client.take_output());
  REQUIRE(at_helper.has_value());
  REQUIRE(at_helper->has_value());
  CHECK((*at_helper)->role == AttachRole::kLane);
  CHECK((*at_helper)->epoch == 7);
  CHECK((*at_helper)->received == 1000);
  CHECK(pair.admitted == 1);
  CHECK(pair.client.take_rest().empty());
  CHECK(pair.helper.take_rest().empty());
}

TEST_CASE("attach handshake: cut anywhere, it is the same") {
  Pair whole;
  Packet challenge = whole.challenge();
  for (std::size_t cut = 0; cut <= challenge.size(); ++cut) {
    CAPTURE(cut);
    Pair pair;
    Packet attach = pair.attach();
    Bytes first = Bytes(attach).first(std::min(cut, attach.size()));
    REQUIRE(pair.helper.receive(first).has_value());
    REQUIRE(pair.helper.receive(Bytes(attach).subspan(first.size())));
    Packet answer = pair.helper.take_output();
    REQUIRE(answer == challenge);
    auto half = pair.client.receive(Bytes(answer).first(cut));
    REQUIRE(half.has_value());
    if (cut < answer.size()) {
      CHECK_FALSE(half->has_value());
      half = pair.client.receive(Bytes(answer).subspan(cut));
      REQUIRE(half.has_value());
    }
    CHECK(half->has_value());
    Packet proof = pair.client.take_output();
    first = Bytes(proof).first(std::min(cut, proof.size()));
    auto done = pair.helper.receive(first);
    REQUIRE(done.has_value());
    if (cut < proof.size()) {
      CHECK_FALSE(done->has_value());
      done = pair.helper.receive(Bytes(proof).subspan(first.size()));
      REQUIRE(done.has_value());
    }
    CHECK(done->has_value());
  }
}

TEST_CASE("attach handshake: what follows it is the session's") {
  Pair pair;
  Packet more = frame(FrameType::kPing, {});
  auto done = pair.helper.receive(joined(pair.proof(), more));
  REQUIRE(done.has_value());
  CHECK(done->has_value());
  CHECK(pair.helper.take_rest() == more);

  Pair other;
  auto at_client = other.client.receive(joined(other.challenge(), more));
  REQUIRE(at_client.has_value());
  CHECK(at_client->has_value());
  CHECK(other.client.take_rest() == more);
}

TEST_CASE("attach handshake: what a login prints before it is skipped") {
  Pair pair;
  std::string noise = "Welcome!\r\nginnel-helper attached 00\n";
  Packet bytes(as_bytes(noise).begin(), as_bytes(noise).end());
  auto done = pair.client.receive(joined(bytes, pair.challenge()));
  REQUIRE(done.has_value());
  CHECK(done->has_value());
}

TEST_CASE("attach handshake: a login that prints without end is an error") {
  Pair pair;
  Packet noise(AttachClient::kMaxNoise, std::byte{'x'});
  auto kept = pair.client.receive(noise);
  REQUIRE(kept.has_value());
  CHECK_FALSE(kept->has_value());
  CHECK_FALSE(pair.client.receive(Bytes(noise).first(1)).has_value());
}

TEST_CASE("attach handshake: the helper with another key proves nothing") {
  Pair pair(session_key(1, 2), session_key(1, 3));
  pair.attach();
  Pair honest(session_key(1, 2), session_key(1, 3));
  CHECK(is_denied(pair.client.receive(honest.challenge())));
  // The client proves nothing to it.
  CHECK(goodbye_in(pair.client.take_output()).starts_with("whoever answers"));
}

TEST_CASE("attach handshake: a client of another session is refused") {
  Pair pair(session_key(4, 2), session_key(1, 2));
  CHECK(is_denied(pair.helper.receive(pair.attach())));
  Packet answer = pair.helper.take_output();
  CHECK(goodbye_in(answer) == "no such session here");
  CHECK(pair.admitted == 0);
  auto told = pair.client.receive(answer);
  REQUIRE_FALSE(told.has_value());
  CHECK(told.error().message() ==
        "the helper takes no further link: no such session here");
}

TEST_CASE("attach handshake: what the helper does not serve it refuses") {
  Pair pair;
  pair.refusal = "this session is not resumed";
  auto refused = pair.helper.receive(pair.attach());
  REQUIRE_FALSE(refused.has_value());
  CHECK_FALSE(is_denied(refused));
  CHECK(goodbye_in(pair.helper.take_output()) == pair.refusal);
}

TEST_CASE("attach handshake: a reason too long for a frame is cut") {
  Pair pair;
  pair.refusal = std::string(100'000, 'x');
  REQUIRE_FALSE(pair.helper.receive(pair.attach()).has_value());
  CHECK(goodbye_in(pair.helper.take_output()).size() ==
        AttachFrames::kMaxPayload);
}

TEST_CASE("attach handshake: a replayed proof is worth nothing") {
  Pair first;
  Packet proof = first.proof();
  Pair second(kKey, kKey, 10);  // as the first, but for the helper's nonce
  second.challenge();
  CHECK(is_denied(second.helper.receive(proof)));
  CHECK(goodbye_in(second.helper.take_output()) == "the proof is wrong");
}

TEST_CASE("attach handshake: the helper's own proof does not prove a client") {
  Pair pair;
  Packet challenge = pair.challenge();
  Bytes proof = Bytes(challenge).last(kSha256Size);
  CHECK(is_denied(pair.helper.receive(frame(FrameType::kProof, proof))));
}

// One flipped bit of any message never ends in an attached link, and whoever
// reads it first says so.
TEST_CASE("attach handshake: a flipped bit anywhere is found out") {
  Pair sizes;
  std::size_t attach_size = sizes.attach().size();
  SUBCASE("in ATTACH") {
    for (std::size_t bit = 0; bit < 8 * attach_size; ++bit) {
      CAPTURE(bit);
      Pair pair;
      Packet attach = pair.attach();
      attach[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      auto taken = pair.helper.receive(attach);
      if (!taken) continue;
      REQUIRE_FALSE(taken->has_value());
      // A changed header may say that more is to come.
      auto done = pair.client.receive(pair.helper.take_output());
      CHECK((!done || !done->has_value()));
    }
  }
  SUBCASE("in CHALLENGE") {
    std::size_t size = Pair().challenge().size();
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      CAPTURE(bit);
      Pair pair;
      Packet challenge = pair.challenge();
      challenge[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      auto done = pair.client.receive(challenge);
      CHECK((!done || !done->has_value()));
    }
  }
  SUBCASE("in PROOF") {
    std::size_t size = Pair().proof().size();
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      CAPTURE(bit);
      Pair pair;
      Packet proof = pair.proof();
      proof[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      auto done = pair.helper.receive(proof);
      CHECK((!done || !done->has_value()));
    }
  }
}

TEST_CASE("attach handshake: the wrong frame at the wrong time ends it") {
  Packet proof = frame(FrameType::kProof, encode(Proof()));
  SUBCASE("PROOF first") {
    Pair pair;
    CHECK_FALSE(pair.helper.receive(proof).has_value());
  }
  SUBCASE("ATTACH twice") {
    Pair pair;
    Packet attach = pair.attach();
    CHECK_FALSE(pair.helper.receive(joined(attach, attach)).has_value());
  }
  SUBCASE("anything else to the helper") {
    for (int type = 0; type < 256; ++type) {
      auto sent = static_cast<FrameType>(type);
      if (sent == FrameType::kAttach) continue;
      CAPTURE(type);
      Pair pair;
      CHECK_FALSE(pair.helper.receive(frame(sent, {})).has_value());
    }
  }
  SUBCASE("anything else to the client") {
    for (int type = 0; type < 256; ++type) {
      auto sent = static_cast<FrameType>(type);
      if (sent == FrameType::kChallenge) continue;
      CAPTURE(type);
      Pair pair;
      std::string marker = attach_marker(nonce(8));
      Packet bytes(as_bytes(marker).begin(), as_bytes(marker).end());
      CHECK_FALSE(pair.client.receive(joined(bytes, frame(sent, {}))));
    }
  }
}

TEST_CASE("attach handshake: a frame too long is refused by its header") {
  Header header;
  header.type = FrameType::kGoodbye;
  header.length = AttachFrames::kMaxPayload + 1;
  Packet bytes(kHeaderSize);
  encode(header, bytes.data());
  Pair pair;
  auto refused = pair.helper.receive(bytes);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == std::errc::bad_message);
}

}  // namespace ginnel::mux
