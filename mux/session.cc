// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/session.h"

#include <algorithm>
#include <cassert>
#include <utility>

// The session's life: streams come and go, time passes. What it does with
// bytes is in session_receive.cc and session_send.cc.
namespace ginnel::mux {

Stream::Stream(Session& session, StreamId id, std::uint64_t send_limit,
               std::uint32_t window)
    : session_(session),
      id_(id),
      send_limit_(send_limit),
      credit_(session.pool_, window, session.now_) {}

void Stream::readable() {
  readable_ = true;
  session_.schedule(*this);
}

void Stream::writable() {
  session_.deliver(*this);
  session_.reap();
}

void Stream::reset() { session_.reset(*this); }

void Stream::accept() {
  session_.no_longer_connecting(*this);
  session_.want(*this, kSendOpened);
  session_.schedule(*this);
  session_.deliver(*this);
}

void Stream::refuse(Refusal reason) {
  refusal_ = reason;
  handler_.reset();
  session_.want(*this, kSendRefused);
}

Session::Session(Role role, Events& events, TimePoint now)
    : role_(role),
      events_(events),
      now_(now),
      last_heard_(now),
      ping_timer_(now + kKeepalive) {
  lanes_.emplace_back(0);
}

Session::~Session() {
  for (auto& [id, stream] : streams_) scheduler_.remove(*stream);
}

Stream* Session::open(const Target& target,
                      std::shared_ptr<StreamHandler> handler) {
  if (over_ || streams_.size() >= kMaxStreams) return nullptr;
  do {
    ++last_id_;
  } while (last_id_ == 0 || streams_.contains(last_id_));
  auto owned = std::unique_ptr<Stream>(new Stream(
      *this, last_id_, kEarlyCredit, initial_window(streams_.size())));
  Stream& stream = *owned;
  streams_.emplace(last_id_, std::move(owned));
  stream.handler_ = std::move(handler);
  Open open;
  open.target = target;
  open.credit = static_cast<std::uint32_t>(stream.credit_.limit());
  send_.append(FrameType::kOpen, stream.id_, encode(open));
  events_.output_ready();
  return &stream;
}

bool Session::said_goodbye() const {
  auto idle = [](const Lane& lane) { return lane.control_left == 0; };
  return said_goodbye_ && std::all_of(lanes_.begin(), lanes_.end(), idle);
}

void Session::send_key(const SessionKey& key) {
  key_due_ = key;
  events_.output_ready();
}

void Session::send_attachable(const Attachable& where) {
  attachable_due_ = where;
  events_.output_ready();
}

std::optional<Session::LaneId> Session::add_lane() {
  if (lanes_.size() >= kMaxLanes) return std::nullopt;
  lanes_.emplace_back(++last_lane_);
  return last_lane_;
}

bool Session::remove_lane(LaneId id) {
  if (lanes_.size() == 1) return false;
  for (const Range& range : lane(id).under_way) send_.send_again(range);
  std::erase_if(lanes_, [id](const Lane& lane) { return lane.id == id; });
  ack_due_ = true;  // the last one may have been lost with it
  events_.output_ready();
  return true;
}

bool Session::is_mid_run(LaneId id) const {
  const Lane& lane = this->lane(id);
  return lane.control_left > 0 || !lane.run.empty();
}

// REQUIRES: there is one.
const Session::Lane& Session::lane(LaneId id) const {
  return *std::find_if(lanes_.begin(), lanes_.end(),
                       [id](const Lane& lane) { return lane.id == id; });
}

Session::Lane& Session::lane(LaneId id) {
  return const_cast<Lane&>(std::as_const(*this).lane(id));
}

void Session::say_goodbye(std::string_view reason) {
  goodbye_due_ = std::string(reason.substr(0, kMaxLogText));
  events_.output_ready();
}

TimePoint Session::next_deadline() const {
  TimePoint silence = last_heard_ + (suspected_ ? kSilenceLimit : kSuspicion);
  return std::min({ack_timer_, ping_timer_, silence, release_check_});
}

Result<void> Session::tick(TimePoint now) {
  now_ = now;
  if (now - last_heard_ >= kSilenceLimit) {
    return Error(std::make_error_code(std::errc::timed_out),
                 "the far end has been silent for 45 seconds");
  }
  if (now - last_heard_ >= kSuspicion && !suspected_) {
    suspected_ = true;
    ping_due_ = true;
    events_.suspicion(true);
  }
  if (now >= ping_timer_) {
    ping_due_ = true;
    ping_timer_ = now + kKeepalive;
  }
  if (now >= ack_timer_) {
    ack_due_ = true;
    ack_timer_ = TimePoint::max();
  }
  if (now >= release_check_) release_idle_credit();
  if (ping_due_ || ack_due_) events_.output_ready();
  return {};
}

void Session::heard_something() {
  last_heard_ = now_;
  if (!suspected_) return;
  suspected_ = false;
  events_.suspicion(false);
}

void Session::reset_streams() {
  over_ = true;
  for (auto& [id, stream] : streams_) {
    if (stream->handler_) end(*stream, StreamEnd(StreamEnd::Kind::kReset));
  }
  reap();
}

Session::Counters Session::counters() const {
  Counters counters;
  counters.streams = streams_.size();
  counters.unread = unread_;
  counters.replay = send_.size();
  counters.extra_windows = pool_.taken();
  counters.rtt = in_flight_.smoothed_rtt();
  return counters;
}

void Session::finish_if_done(Stream& stream) {
  if (stream.handler_ && stream.sent_fin_ && stream.delivered_fin_) {
    end(stream, StreamEnd(StreamEnd::Kind::kFinished));
  }
}

// The handler broke the stream off.
void Session::reset(Stream& stream) {
  stream.handler_.reset();
  want(stream, Stream::kSendReset);
}

// Tells the handler, for the last time.
void Session::end(Stream& stream, StreamEnd why) {
  std::shared_ptr<StreamHandler> handler = std::move(stream.handler_);
  stream.handler_.reset();
  stream.pending_ = 0;
  drop(stream);
  handler->ended(why);
}

// Nothing is left to be said about the stream: it goes with the next reap().
void Session::drop(Stream& stream) {
  no_longer_connecting(stream);
  scheduler_.remove(stream);
  dropped_.push_back(stream.id_);
}

void Session::no_longer_connecting(Stream& stream) {
  if (stream.connecting_) {
    early_bytes_ -=
        role_ == Role::kClient ? stream.sent_ : stream.credit_.received();
  }
  stream.connecting_ = false;
}

void Session::reap() {
  while (!dropped_.empty()) {
    auto found = streams_.find(dropped_.back());
    dropped_.pop_back();
    if (found == streams_.end()) continue;
    unread_ -= found->second->unread_.size();
    streams_.erase(found);
  }
}

}  // namespace ginnel::mux
