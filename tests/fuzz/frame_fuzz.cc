// SPDX-License-Identifier: GPL-3.0-or-later
// What a session makes of anything a peer may send. The first byte chooses the
// session's role, how reads are cut, and one of two ways to read the rest: as
// the bytes of a link, or as frames whose positions are put right, which gets
// past the sequence check and deep into the streams' states.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "mux/send_buffer.h"
#include "mux/session.h"

namespace {

using namespace ginnel;
using namespace ginnel::mux;

// Takes half of what it is offered, sends a little, ends its half at last.
class Handler : public StreamHandler {
 public:
  ReadResult read(MutableBytes room) override {
    if (++reads_ > 20) return ReadResult(ReadStatus::kEndOfFile);
    std::fill(room.begin(), room.end(), std::byte{'x'});
    return ReadResult(ReadStatus::kData, room.size());
  }
  std::size_t write(Bytes bytes) override { return bytes.size() / 2; }
  void finish() override { ++ends_; }
  void ended(StreamEnd) override {
    if (++endings_ > 1) std::abort();  // it is the last call
  }

 private:
  int reads_ = 0;
  int ends_ = 0;
  int endings_ = 0;
};

struct Events : Session::Events {
  void output_ready() override {}
  std::shared_ptr<StreamHandler> open_requested(Stream& stream,
                                                const Target& to) override {
    if (to.endpoint.port % 3 == 0) stream.refuse(Refusal::kRefused);
    if (to.endpoint.port % 3 == 1) stream.accept();
    return std::make_shared<Handler>();
  }
  void remote_log(log::Level, std::string_view text) override {
    if (text.size() > kMaxLogText) std::abort();
  }
  void suspicion(bool) override {}
};

class Fuzzed {
 public:
  explicit Fuzzed(Session::Role role) : session_(role, events_, now_) {
    if (role == Session::Role::kClient) {
      for (int i = 0; i < 4; ++i) {
        auto handler = std::make_shared<Handler>();
        Stream* stream = session_.open(Endpoint(), handler);
        if (i % 2) stream->readable();
      }
    }
    drain();
  }

  void add_lane() { session_.add_lane(); }
  void lose_lane() {
    if (!session_.remove_lane(1)) std::abort();
    drain();
  }

  bool feed(Bytes bytes, Session::LaneId lane = 0) {
    now_ += std::chrono::milliseconds(7);
    bool going = session_.receive(bytes, now_, lane).has_value() &&
                 session_.tick(now_).has_value();
    if (going) drain(lane);
    auto counters = session_.counters();
    if (counters.replay > InFlight::kLimit + (1 << 20)) std::abort();
    return going;
  }

 private:
  // A lane may be left with the half of a run.
  void drain(Session::LaneId lane = 0) {
    for (int i = 0; i < 1000; ++i) {
      Bytes bytes = session_.output(now_, lane);
      if (bytes.empty()) return;
      session_.sent((bytes.size() + 1) / 2, now_, lane);
    }
  }

  TimePoint now_ = TimePoint() + std::chrono::hours(1);
  Events events_;
  Session session_;
};

void feed_raw(Fuzzed& fuzzed, Bytes bytes, std::size_t cut) {
  while (!bytes.empty()) {
    Bytes piece = bytes.first(std::min(cut, bytes.size()));
    bytes = bytes.subspan(piece.size());
    if (!fuzzed.feed(piece)) return;
  }
}

// Each frame is a type, a stream, a length and a payload.
void feed_frames(Fuzzed& fuzzed, Bytes bytes) {
  SendBuffer hello;
  hello.append(FrameType::kHello, 0, encode(Hello()));
  if (!fuzzed.feed(hello.bytes(hello.take()))) return;
  ByteReader reader(bytes);
  SendBuffer maker;
  while (reader.ok() && !reader.rest().empty()) {
    auto type = static_cast<FrameType>(reader.u8());
    StreamId stream = reader.u8() % 8;
    std::size_t length = std::min<std::size_t>(reader.u16() % (kMaxPayload + 1),
                                               reader.rest().size());
    Bytes payload = reader.bytes(length);
    if (!is_sequenced(type)) {
      SendBuffer outside;
      outside.append(type, stream, payload);
      if (!fuzzed.feed(outside.bytes(outside.take()))) return;
      continue;
    }
    maker.append(type, stream, payload);
    bool going = fuzzed.feed(maker.bytes(maker.take()));
    maker.acknowledge(maker.end(), maker.end());
    if (!going) return;
  }
}

// Frames of a sequence with gaps, repetitions and overlaps, over two lanes one
// of which may be lost.
void feed_lanes(Fuzzed& fuzzed, Bytes bytes) {
  SendBuffer hello;
  hello.append(FrameType::kHello, 0, encode(Hello()));
  if (!fuzzed.feed(hello.bytes(hello.take()))) return;
  fuzzed.add_lane();
  ByteReader reader(bytes);
  std::vector<std::byte> frame;
  while (reader.ok() && !reader.rest().empty()) {
    Session::LaneId lane = reader.u8() & 1;
    Header header;
    header.type = static_cast<FrameType>(reader.u8());
    header.stream = reader.u8() % 8;
    header.position = reader.u16();
    Bytes payload =
        reader.bytes(std::min<std::size_t>(reader.u8(), reader.rest().size()));
    header.length = static_cast<std::uint16_t>(payload.size());
    frame.resize(kHeaderSize);
    encode(header, frame.data());
    frame.insert(frame.end(), payload.begin(), payload.end());
    if (!fuzzed.feed(frame, lane)) return;
  }
  fuzzed.lose_lane();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  Bytes bytes = std::as_bytes(std::span(data + 1, size - 1));
  Fuzzed fuzzed(data[0] & 1 ? Session::Role::kHelper : Session::Role::kClient);
  if (data[0] & 2) {
    feed_raw(fuzzed, bytes, 1 + (data[0] >> 3) * 7);
  } else if (data[0] & 4) {
    feed_lanes(fuzzed, bytes);
  } else {
    feed_frames(fuzzed, bytes);
  }
  return 0;
}
