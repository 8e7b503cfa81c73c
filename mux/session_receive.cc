// SPDX-License-Identifier: GPL-3.0-or-later
#include <functional>
#include <span>
#include <utility>

#include "base/strings.h"
#include "mux/session.h"

// What the other end's bytes do. Nothing it sends is asserted on: a frame that
// breaks the protocol is an Error, and ends the session with its reason.
namespace ginnel::mux {
namespace {

Error violation(std::string_view what) {
  return Error(std::make_error_code(std::errc::protocol_error),
               concat("the far end broke the protocol: ", what));
}

// Takes `count` bytes from the front of `pieces`. False when that ends within
// one, or before the first.
bool take_whole(std::span<Bytes>& pieces, std::size_t count) {
  std::size_t before = pieces.size();
  while (!pieces.empty() && count >= pieces.front().size()) {
    count -= pieces.front().size();
    pieces = pieces.subspan(1);
  }
  if (!pieces.empty()) pieces.front() = pieces.front().subspan(count);
  return count == 0 && pieces.size() < before;
}

}  // namespace

Result<void> Session::receive(Bytes bytes, TimePoint now, LaneId id) {
  now_ = now;
  heard_something();
  FrameReader& reader = lane(id).reader;
  reader.feed(bytes);
  arrived_.within = bytes;
  Result<void> result = take_frames(reader);
  deliver_arrived();
  reap();
  return result;
}

Result<void> Session::take_frames(FrameReader& reader) {
  for (;;) {
    auto frame = reader.next();
    if (!frame) return violation(frame.error().message());
    if (!*frame) return {};
    Result<void> result = dispatch(**frame);
    reap();
    if (!result) return result;
    if (send_.size() > kMaxReplay) {
      return violation("it acknowledges nothing");
    }
  }
}

Result<void> Session::dispatch(const FrameReader::Frame& frame) {
  if (frame.header.type != FrameType::kData) deliver_arrived();
  if (!greeted_ && frame.header.type != FrameType::kHello) {
    return violation("its first frame is not a HELLO");
  }
  if (is_sequenced(frame.header.type)) return on_sequenced(frame);
  switch (frame.header.type) {
    case FrameType::kHello:
      return on_hello(frame);
    case FrameType::kAck:
      return on_ack(frame.header.position);
    case FrameType::kPing:
      pong_due_ = frame.header.position;
      events_.output_ready();
      return {};
    case FrameType::kPong:
      return {};  // that something was heard is all it is for
    case FrameType::kGoodbye:
      return on_goodbye(frame);
    case FrameType::kKey:
      return on_key(frame);
    case FrameType::kAttachable:
      return on_attachable(frame);
    default:
      return violation("a frame of a handshake that is over");
  }
}

Result<void> Session::on_hello(const FrameReader::Frame& frame) {
  if (greeted_) return violation("a second HELLO");
  Result<Hello> hello = decode_hello(frame.payload);
  if (!hello) return violation(hello.error().message());
  if (hello->version != kProtocolVersion) {
    return Error(
        std::make_error_code(std::errc::protocol_not_supported),
        concat("the far end speaks version ", hello->version,
               " of the protocol, this program version ", kProtocolVersion));
  }
  greeted_ = true;
  return {};
}

Result<void> Session::on_ack(Position position) {
  Position in_use = send_.end();
  for (const Lane& lane : lanes_) {
    if (!lane.run.empty()) in_use = std::min(in_use, lane.run.begin);
  }
  if (!send_.acknowledge(position, in_use)) {
    return violation("it acknowledged what was never sent");
  }
  trim_lanes();
  in_flight_.on_acknowledged(position, now_);
  if (!scheduler_.empty()) events_.output_ready();
  return {};
}

// What is acknowledged need not be sent again when its lane is lost.
void Session::trim_lanes() {
  for (Lane& lane : lanes_) {
    auto& ranges = lane.under_way;
    while (!ranges.empty() && ranges.front().end <= send_.acked()) {
      ranges.pop_front();
    }
  }
}

Result<void> Session::on_goodbye(const FrameReader::Frame& frame) {
  return Error(std::make_error_code(std::errc::connection_aborted),
               concat("the far end ended the session, saying: ",
                      printable(as_text(frame.payload))));
}

Result<void> Session::on_key(const FrameReader::Frame& frame) {
  if (role_ != Role::kHelper || std::exchange(keyed_, true)) {
    return violation("a KEY out of place");
  }
  Result<SessionKey> key = decode_session_key(frame.payload);
  if (!key) return violation(key.error().message());
  events_.key_received(*key);
  return {};
}

Result<void> Session::on_attachable(const FrameReader::Frame& frame) {
  if (role_ != Role::kClient || std::exchange(keyed_, true)) {
    return violation("an ATTACHABLE out of place");
  }
  Result<Attachable> where = decode_attachable(frame.payload);
  if (!where) return violation(where.error().message());
  events_.attachable(*where);
  return {};
}

// A frame that comes again was sent anew when a lane was lost; one that comes
// early overtook others that went over another lane, which may still be
// attaching.
Result<void> Session::on_sequenced(const FrameReader::Frame& frame) {
  Position position = frame.header.position;
  bool in_order = position == received_;
  if (!in_order && last_lane_ == 0 && !keyed_) {
    return violation("a gap in the session sequence");
  }
  if (position < received_) {
    if (position + kHeaderSize + frame.header.length <= received_) return {};
    return violation("overlapping frames");
  }
  if (!in_order) {
    if (early_frames_.hold(frame, received_)) return {};
    return violation("frames that overlap, or too far ahead of one missing");
  }
  Result<void> result = take_sequenced(frame);
  while (result && !early_frames_.empty()) {
    auto next = early_frames_.take(received_);
    if (!next) break;
    result = take_sequenced(*next);
  }
  return result;
}

Result<void> Session::take_sequenced(const FrameReader::Frame& frame) {
  std::size_t size = kHeaderSize + frame.header.length;
  received_ += size;
  largest_unacked_ = std::max(largest_unacked_, size);
  if (received_ - acked_ >= std::max(2 * largest_unacked_, kMinAckBytes)) {
    ack_due_ = true;
    events_.output_ready();
  } else if (ack_timer_ == TimePoint::max()) {
    ack_timer_ = now_ + kAckDelay;
  }
  if (frame.header.type == FrameType::kOpen) return on_open(frame);
  if (frame.header.type == FrameType::kLog) return on_log(frame);
  return on_stream_frame(frame);
}

Result<void> Session::on_open(const FrameReader::Frame& frame) {
  StreamId id = frame.header.stream;
  if (role_ != Role::kHelper || streams_.contains(id)) {
    return violation("an OPEN out of place");
  }
  Result<Open> open = decode_open(frame.payload);
  if (!open) return violation(open.error().message());
  // Streams that the client is done with may still be finishing here; beyond
  // that slack it is not counting.
  if (streams_.size() >= 2 * kMaxStreams) return violation("too many streams");
  std::uint32_t window =
      std::max(initial_window(streams_.size()), kEarlyCredit);
  auto owned =
      std::unique_ptr<Stream>(new Stream(*this, id, open->credit, window));
  Stream& stream = *owned;
  streams_.emplace(id, std::move(owned));
  std::shared_ptr<StreamHandler> handler;
  if (streams_.size() <= kMaxStreams) {
    handler = events_.open_requested(stream, open->target);
  }
  if (stream.pending_ & Stream::kSendRefused) return {};
  if (!handler) {
    stream.refuse(Refusal::kResources);
  } else {
    stream.handler_ = std::move(handler);
    schedule(stream);  // it may have been accepted at once
  }
  return {};
}

Result<void> Session::on_log(const FrameReader::Frame& frame) {
  if (role_ != Role::kClient) return violation("a LOG out of place");
  Result<LogLine> line = decode_log(frame.payload);
  if (!line) return violation(line.error().message());
  events_.remote_log(line->level, line->text);
  return {};
}

Result<void> Session::on_stream_frame(const FrameReader::Frame& frame) {
  auto found = streams_.find(frame.header.stream);
  // The other end may not know yet that the stream is over.
  if (found == streams_.end() || !found->second->handler_) return {};
  Stream& stream = *found->second;
  switch (frame.header.type) {
    case FrameType::kOpened:
      return on_opened(stream, frame.payload);
    case FrameType::kRefused:
      return on_refused(stream, frame.payload);
    case FrameType::kData:
      return on_data(stream, frame.payload);
    case FrameType::kCredit:
      return on_credit(stream, frame.payload);
    case FrameType::kFin:
      return on_fin(stream);
    case FrameType::kRelease:
      return on_release(stream, frame.payload);
    default:
      return on_reset(stream);
  }
}

Result<void> Session::on_opened(Stream& stream, Bytes payload) {
  Result<std::uint32_t> credit = decode_opened(payload);
  if (!credit) return violation(credit.error().message());
  if (role_ != Role::kClient || !stream.connecting_) {
    return violation("an OPENED out of place");
  }
  no_longer_connecting(stream);
  stream.send_limit_ = std::max<std::uint64_t>(stream.send_limit_, *credit);
  std::shared_ptr<StreamHandler> handler = stream.handler_;
  handler->opened();
  if (stream.handler_) schedule(stream);
  return {};
}

Result<void> Session::on_refused(Stream& stream, Bytes payload) {
  Result<Refusal> reason = decode_refused(payload);
  if (!reason) return violation(reason.error().message());
  if (role_ != Role::kClient || !stream.connecting_) {
    return violation("a REFUSED out of place");
  }
  end(stream, StreamEnd(StreamEnd::Kind::kRefused, *reason));
  return {};
}

Result<void> Session::on_data(Stream& stream, Bytes payload) {
  if (stream.received_fin_ || stream.received_reset_ ||
      (role_ == Role::kClient && stream.connecting_)) {
    return violation("DATA out of place");
  }
  if (!stream.credit_.receive(payload.size())) {
    return violation("DATA beyond its credit");
  }
  if (stream.connecting_) {
    early_bytes_ += payload.size();
    if (stream.credit_.received() > kEarlyCredit ||
        early_bytes_ > kMaxEarlyBytes) {
      return violation("too much DATA before OPENED");
    }
  }
  if (arrived_.stream != &stream || arrived_.count == arrived_.pieces.size()) {
    deliver_arrived();
  }
  arrived_.stream = &stream;
  arrived_.pieces[arrived_.count++] = payload;
  if (!arrived_.will_stay(payload)) deliver_arrived();
  return {};
}

// Of a payload that was put together elsewhere nobody knows how long it stays.
bool Session::Arrived::will_stay(Bytes payload) const {
  return std::greater_equal<>()(payload.data(), within.data()) &&
         std::less<>()(payload.data(), within.data() + within.size());
}

// Offers the handler the DATA that came; what it leaves waits.
void Session::deliver_arrived() {
  std::span<Bytes> pieces(arrived_.pieces);
  pieces = pieces.first(std::exchange(arrived_.count, 0));
  if (pieces.empty()) return;
  Stream& stream = *arrived_.stream;
  std::shared_ptr<StreamHandler> handler = stream.handler_;
  bool takes = stream.unread_.empty();
  while (takes && !pieces.empty()) {
    std::size_t taken = handler->write_several(pieces);
    if (!stream.handler_) return;
    consumed(stream, taken);
    takes = take_whole(pieces, taken);
  }
  for (Bytes piece : pieces) {
    stream.unread_.append(piece);
    unread_ += piece.size();
  }
}

Result<void> Session::on_credit(Stream& stream, Bytes payload) {
  Result<std::uint64_t> limit = decode_credit(payload);
  if (!limit) return violation(limit.error().message());
  stream.send_limit_ = std::max(stream.send_limit_, *limit);
  if (stream.send_limit_ - stream.sent_ > 2 * kInitialWindow &&
      release_check_ == TimePoint::max()) {
    release_check_ = now_ + kIdle;
  }
  schedule(stream);
  return {};
}

Result<void> Session::on_fin(Stream& stream) {
  if (stream.received_fin_ || (role_ == Role::kClient && stream.connecting_)) {
    return violation("a FIN out of place");
  }
  stream.received_fin_ = true;
  if (stream.unread_.empty() && !stream.connecting_) deliver_fin(stream);
  return {};
}

// What came before it is delivered first, as TCP's receiver may still read it.
Result<void> Session::on_reset(Stream& stream) {
  stream.received_reset_ = true;
  scheduler_.remove(stream);
  if (stream.unread_.empty()) end(stream, StreamEnd(StreamEnd::Kind::kReset));
  return {};
}

Result<void> Session::on_release(Stream& stream, Bytes payload) {
  Result<Release> release = decode_release(payload);
  if (!release) return violation(release.error().message());
  if (!stream.credit_.release(release->known, release->offset)) {
    return violation("a RELEASE of what it did not have");
  }
  return {};
}

// Offers the handler what waits for it.
void Session::deliver(Stream& stream) {
  while (!stream.unread_.empty()) {
    if (!stream.handler_) return;
    std::shared_ptr<StreamHandler> handler = stream.handler_;
    std::size_t taken = handler->write(stream.unread_.front());
    if (!stream.handler_) return;
    if (taken == 0) return;
    stream.unread_.pop(taken);
    unread_ -= taken;
    consumed(stream, taken);
  }
  if (stream.received_reset_ && stream.handler_) {
    end(stream, StreamEnd(StreamEnd::Kind::kReset));
  } else if (stream.received_fin_ && !stream.delivered_fin_) {
    deliver_fin(stream);
  }
}

void Session::consumed(Stream& stream, std::size_t count) {
  bool tell = stream.credit_.consume(count, now_, in_flight_.smoothed_rtt());
  if (tell && !stream.received_fin_ && !stream.received_reset_)
    want(stream, Stream::kSendCredit);
}

void Session::deliver_fin(Stream& stream) {
  stream.delivered_fin_ = true;
  std::shared_ptr<StreamHandler> handler = stream.handler_;
  handler->finish();
  if (stream.handler_) finish_if_done(stream);
}

}  // namespace ginnel::mux
