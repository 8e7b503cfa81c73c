// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <utility>

#include "mux/session.h"

// What is sent, and in which order: frames outside the sequence, streams'
// control frames, then streams' data as the scheduler has it.
namespace ginnel::mux {
namespace {

void append_frame(std::vector<std::byte>& run, FrameType type,
                  Position position, Bytes payload = {}) {
  Header header;
  header.type = type;
  header.length = static_cast<std::uint16_t>(payload.size());
  header.position = position;
  std::size_t at = run.size();
  run.resize(at + kHeaderSize);
  encode(header, run.data() + at);
  run.insert(run.end(), payload.begin(), payload.end());
}

template <typename Unsigned>
std::array<std::byte, sizeof(Unsigned)> number(Unsigned value) {
  std::array<std::byte, sizeof(Unsigned)> bytes;
  store_be(bytes.data(), value);
  return bytes;
}

}  // namespace

void Session::send_log(log::Level level, std::string_view text) {
  if (log_queue_.size() >= kMaxLogLines) return;
  ByteWriter payload;
  payload.u8(static_cast<std::uint8_t>(level));
  payload.text(text.substr(0, kMaxLogText));
  log_queue_.push_back(payload.take());
  events_.output_ready();
}

Bytes Session::output(TimePoint now, LaneId id) {
  now_ = now;
  Lane& lane = this->lane(id);
  if (lane.control_left == 0 && lane.run.empty()) start_run(lane);
  reap();
  if (lane.control_left > 0) return Bytes(lane.control).last(lane.control_left);
  return send_.bytes(lane.run);
}

void Session::sent(std::size_t count, TimePoint now, LaneId id) {
  now_ = now;
  if (count == 0) return;
  ping_timer_ = now + kKeepalive;
  Lane& lane = this->lane(id);
  if (lane.control_left > 0) {
    lane.control_left -= count;
    if (lane.control_left == 0) wipe(lane.control);  // it may hold the key
    return;
  }
  lane.run.begin += count;
  if (lane.run.begin <= sent_) return;  // sent anew, or overtaken
  sent_ = lane.run.begin;
  in_flight_.on_sent(sent_, now);
}

// Chooses what comes next. A run ends at the end of a frame.
void Session::start_run(Lane& lane) {
  make_control_run(lane.control);
  lane.control_left = lane.control.size();
  if (lane.control_left > 0) return;
  fill();
  lane.run = send_.take();
  if (lane.run.empty()) {
    if (scheduler_.empty()) in_flight_.on_app_limited(now_);
    return;
  }
  if (!lane.under_way.empty() && lane.under_way.back().end == lane.run.begin) {
    lane.under_way.back().end = lane.run.end;
  } else {
    lane.under_way.push_back(lane.run);
  }
}

void Session::make_control_run(std::vector<std::byte>& run) {
  run.clear();
  if (std::exchange(hello_due_, false)) {
    append_frame(run, FrameType::kHello, 0, encode(Hello()));
  }
  if (std::exchange(ack_due_, false)) {
    append_frame(run, FrameType::kAck, received_);
    acked_ = received_;
    largest_unacked_ = 0;
    ack_timer_ = TimePoint::max();
  }
  if (pong_due_) {
    append_frame(run, FrameType::kPong, *pong_due_);
    pong_due_.reset();
  }
  if (std::exchange(ping_due_, false)) {
    append_frame(run, FrameType::kPing, 0);
  }
  if (key_due_) {
    std::vector<std::byte> payload = encode(*key_due_);
    append_frame(run, FrameType::kKey, 0, payload);
    wipe(payload);
    key_due_.reset();
  }
  if (attachable_due_) {
    append_frame(run, FrameType::kAttachable, 0, encode(*attachable_due_));
    attachable_due_.reset();
  }
  if (goodbye_due_) {
    append_frame(run, FrameType::kGoodbye, 0, as_bytes(*goodbye_due_));
    goodbye_due_.reset();
    said_goodbye_ = true;
  }
}

void Session::fill() {
  send_control_frames();
  std::size_t batch = std::min(kBatch, in_flight_.backlog_limit());
  while (!scheduler_.empty() && send_.unsent() < batch &&
         send_.size() < in_flight_.limit()) {
    send_stream_turn();
  }
  send_control_frames();  // a turn may have broken its stream off
  if (scheduler_.empty() && send_.size() < in_flight_.limit()) {
    in_flight_.on_app_limited(now_);
  }
}

// Control frames are few and small, a stream's at most five, so they are not
// held back by the limit on what is in flight.
void Session::send_control_frames() {
  for (; !log_queue_.empty(); log_queue_.pop_front()) {
    send_.append(FrameType::kLog, 0, log_queue_.front());
  }
  while (!control_queue_.empty()) {
    auto found = streams_.find(control_queue_.front());
    control_queue_.pop_front();
    if (found != streams_.end()) send_pending(*found->second);
  }
}

void Session::send_pending(Stream& stream) {
  unsigned pending = std::exchange(stream.pending_, 0);
  if (pending & Stream::kSendRefused) {
    auto reason = static_cast<std::uint8_t>(stream.refusal_);
    send_.append(FrameType::kRefused, stream.id_, number(reason));
    drop(stream);
    return;
  }
  if (pending & Stream::kSendReset) {
    send_.append(FrameType::kReset, stream.id_, {});
    drop(stream);
    return;
  }
  if (pending & Stream::kSendOpened) {
    auto credit = static_cast<std::uint32_t>(stream.credit_.limit());
    send_.append(FrameType::kOpened, stream.id_, number(credit));
  }
  if (pending & Stream::kSendCredit) {
    send_.append(FrameType::kCredit, stream.id_,
                 number(stream.credit_.limit()));
  }
  if (pending & Stream::kSendRelease) {
    Release release;
    release.known = stream.send_limit_;
    release.offset = stream.sent_ + kInitialWindow;
    if (release.offset >= release.known) return;
    send_.append(FrameType::kRelease, stream.id_, encode(release));
    stream.send_limit_ = release.offset;
  }
}

// One stream's turn: its handler reads straight into the frame.
void Session::send_stream_turn() {
  Scheduler::Turn turn = scheduler_.next(in_flight_.frame_limit());
  Stream& stream = static_cast<Stream&>(*turn.stream);
  std::size_t allowance = std::min(turn.allowance, send_allowance(stream));
  if (allowance == 0) {  // others have used up what unopened streams may send
    scheduler_.end_turn(stream, 0, false, now_);
    return;
  }
  std::shared_ptr<StreamHandler> handler = stream.handler_;
  StreamHandler::ReadResult result =
      handler->read(send_.reserve().first(allowance));
  if (!stream.handler_) return;  // it reset the stream
  if (result.count > 0) {
    send_.commit(FrameType::kData, stream.id_, result.count);
    stream.sent_ += result.count;
    stream.last_sent_ = now_;
    if (role_ == Role::kClient && stream.connecting_) {
      early_bytes_ += result.count;
    }
  }
  using Status = StreamHandler::ReadStatus;
  if (result.status != Status::kData) stream.readable_ = false;
  bool more = stream.readable_ && send_allowance(stream) > 0;
  scheduler_.end_turn(stream, result.count, more, now_);
  if (result.status == Status::kError) reset(stream);
  if (result.status == Status::kEndOfFile) {
    send_.append(FrameType::kFin, stream.id_, {});
    stream.sent_fin_ = true;
    finish_if_done(stream);
  }
}

// How much the stream may send now: its credit, and while it is not opened
// its share of what all such streams may.
std::size_t Session::send_allowance(const Stream& stream) const {
  std::uint64_t credit = stream.send_limit_ - stream.sent_;
  if (role_ == Role::kClient && stream.connecting_) {
    credit = std::min<std::uint64_t>(credit, kMaxEarlyBytes - early_bytes_);
  }
  return static_cast<std::size_t>(std::min<std::uint64_t>(credit, kMaxPayload));
}

// Gives up credit that streams were granted while they were fast and have not
// used for a second, so that the other end's pool serves the busy ones.
void Session::release_idle_credit() {
  release_check_ = TimePoint::max();
  for (auto& [id, stream] : streams_) {
    if (!stream->handler_ || stream->sent_fin_ || stream->connecting_) continue;
    if (stream->send_limit_ - stream->sent_ <= 2 * kInitialWindow) continue;
    if (!stream->readable_ && now_ - stream->last_sent_ >= kIdle) {
      want(*stream, Stream::kSendRelease);
    } else {
      release_check_ = now_ + kIdle;
    }
  }
}

void Session::want(Stream& stream, unsigned pending) {
  if (stream.pending_ == 0) control_queue_.push_back(stream.id_);
  stream.pending_ |= pending;
  if (pending & (Stream::kSendReset | Stream::kSendRefused)) {
    scheduler_.remove(stream);
  }
  events_.output_ready();
}

void Session::schedule(Stream& stream) {
  if (!stream.readable_ || stream.sent_fin_ || !stream.handler_ ||
      stream.received_reset_ || send_allowance(stream) == 0) {
    return;
  }
  if (role_ == Role::kHelper && stream.connecting_) return;
  scheduler_.add(stream, now_);
  events_.output_ready();
}

}  // namespace ginnel::mux
