// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/in_flight.h"

#include <algorithm>
#include <utility>

namespace ginnel::mux {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

// Shorter rounds would take the machine's own scheduling for a queue.
constexpr auto kMinRound = 10ms;
// From these on a round's least is taken for what it will be.
constexpr int kEnoughSamples = 8;
constexpr int kFewSamples = 3;
// A sender that doubles what is in flight every round trip sees its rate double
// too, while the path is not full.
constexpr double kStartUpGrowth = 1.5;
// How long a least round trip is believed while there is work.
constexpr auto kLeastLasts = 10s;
constexpr auto kStale = 10s;
// A round's rate counts for so long at least: on a short way a few rounds are
// no longer than the machine may keep one of the programs waiting.
constexpr auto kRateLasts = 50ms;
constexpr double kGrowth = 0.05;
constexpr double kFloor = 0.85;
// Of what is acknowledged, while the path is filled again after draining: the
// line has that much to spare.
constexpr double kRefill = 1 - kFloor;
constexpr double kStartUpGain = 2;
constexpr double kMostGrowth = 0.5;
constexpr int kSlowRounds = 4;
constexpr double kNoticeable = 0.03;
constexpr double kFollows = 0.7;
constexpr int kUnansweredShrinks = 2;
constexpr double kTellingShrink = 0.97;
constexpr int kFirstDeafness = 4;
constexpr int kMostDeafness = 64;
// More than the machine's own scheduling makes of the usual time between two
// acknowledgements.
constexpr Clock::duration kStall = 15ms;
// A round's: what waits behind a loss is as much again as fills the path.
constexpr double kBlockedGrowth = 1.5;
// The other end acknowledges two frames, or after 10 ms (PROTOCOL.md section
// 3).
constexpr double kAckFrames = 2;
constexpr Seconds kAckDelay = 10ms;
constexpr Clock::duration kQuiet = 1ms;
constexpr Clock::duration kLoud = 10ms;
constexpr double kUnknownRate = 2 * 1024 * 1024;
constexpr Seconds kLine = 2ms;      // of a frame, and of what waits below
constexpr double kMinFrame = 1400;  // one TCP segment with SSH's framing

Clock::duration to_clock(Seconds time) {
  return std::chrono::duration_cast<Clock::duration>(time);
}

}  // namespace

InFlight::InFlight()
    : marks_(kMarks), smoothed_(std::chrono::milliseconds(100)) {}

void InFlight::restart(Position acknowledged, TimePoint now) {
  InFlight fresh;
  fresh.smoothed_ = smoothed_;
  fresh.sent_ = fresh.acknowledged_ = fresh.round_end_ = acknowledged;
  fresh.last_acknowledged_ = fresh.round_began_ = now;
  fresh.marks_.swap(marks_);
  *this = std::move(fresh);
}

double InFlight::rate() const {
  return *std::max_element(rates_.begin(), rates_.end());
}

std::size_t InFlight::frame_limit() const {
  double rate =
      rate_known_ ? this->rate() : std::max(kUnknownRate, this->rate());
  return static_cast<std::size_t>(
      std::clamp<double>(rate * kLine.count(), kMinFrame, kMaxFrame));
}

std::size_t InFlight::backlog_limit() const {
  return std::max(frame_limit(),
                  static_cast<std::size_t>(rate() * kLine.count()));
}

Clock::duration InFlight::target() const {
  Clock::duration noise = noise_ * 2;
  if (!rate_known_) return kTarget + noise;
  Seconds frame(static_cast<double>(frame_limit()) / rate());
  Seconds acknowledging = std::min(kAckDelay, kAckFrames * frame);
  return noise +
         std::max<Clock::duration>(
             kTarget, to_clock(std::max(1.25 * acknowledging, 2.5 * frame)));
}

// What a path that is being filled makes of it (Linux's HyStart,
// net/ipv4/tcp_cubic.c: an eighth of the round trip, from 4 to 16 ms).
Clock::duration InFlight::start_up_target() const {
  return std::max(target(), std::clamp<Clock::duration>(least_ / 8, 4ms, 16ms));
}

// Between two acknowledgements of the other end's, as a rule.
Clock::duration InFlight::ack_interval() const {
  if (!rate_known_) return to_clock(kAckDelay);
  Seconds frame(static_cast<double>(frame_limit()) / rate());
  return to_clock(
      std::max<Seconds>(std::min(kAckDelay, kAckFrames * frame), frame));
}

double InFlight::bytes_in(Clock::duration time) const {
  return rate() * Seconds(time).count();
}

void InFlight::set_limit(double bytes) {
  limit_ =
      static_cast<std::size_t>(std::clamp<double>(bytes, kMinLimit, kLimit));
}

void InFlight::on_sent(Position end, TimePoint now) {
  if (end <= sent_) return;
  bool idle = sent_ == acknowledged_;
  if (idle) last_acknowledged_ = now;
  if (!stale_ && now - last_worked_ >= kStale) {
    stale_ = true;
    limit_ = std::min(limit_, std::max(kInitialLimit, limit_ / 2));
    if (phase_ != Phase::kStartUp) phase_ = Phase::kSteady;
    rounds_without_queue_ = 2 * kSlowRounds;
    for (double& rate : rates_) rate /= 2;
  }
  sent_ = end;
  if (full()) round_full_ = true;
  round_most_ = std::max<std::size_t>(round_most_, sent_ - acknowledged_);
  if (idle) begin_round(now);
  push_mark(now);
}

void InFlight::push_mark(TimePoint now) {
  if (mark_count_ == kMarks) return;
  if (mark_count_ > 0) {
    const Mark& last = marks_[(first_mark_ + mark_count_ - 1) % kMarks];
    auto interval = std::max<Clock::duration>(1ms, smoothed_ / (kMarks / 4));
    if (sent_ - last.end < limit_ / (kMarks / 2) && now - last.when < interval)
      return;
  }
  marks_[(first_mark_ + mark_count_) % kMarks] = {
      sent_,
      acknowledged_,
      last_acknowledged_,
      now,
      app_limited_until_ > acknowledged_,
      false};
  ++mark_count_;
}

void InFlight::on_app_limited(TimePoint) {
  app_limited_until_ = std::max(sent_, acknowledged_ + 1);
  if (mark_count_ > 0) {
    marks_[(first_mark_ + mark_count_ - 1) % kMarks].last = true;
  }
}

void InFlight::on_acknowledged(Position position, TimePoint now) {
  if (position <= acknowledged_) return;
  double count = static_cast<double>(position - acknowledged_);
  if (mark_count_ > 0) {
    note_silence(now - last_acknowledged_ -
                 (marks_[first_mark_].when - last_acknowledged_sent_));
  }
  if (const Mark* mark = take_marks(position)) {
    take_sample(*mark, position, now);
    last_acknowledged_sent_ = mark->when;
  }
  acknowledged_ = position;
  last_acknowledged_ = now;
  if (phase_ == Phase::kStartUp && sampled_) start_up(count, now);
  if (phase_ == Phase::kSteady && static_cast<double>(limit_) < refill_to_) {
    set_limit(
        std::min(refill_to_, static_cast<double>(limit_) + count * kRefill));
  } else {
    refill_to_ = 0;
  }
  bool enough = round_samples_ >= kEnoughSamples;
  if (phase_ == Phase::kMeasure && enough) end_measure(now);
  if (position >= round_end_ && now - round_began_ >= kMinRound) end_round(now);
}

// Nothing was heard for so much longer than there was between sending the one
// and the other. Bytes that were held back behind a loss below us come late and
// all at once, after half a round trip at least: they do not tell of a queue.
void InFlight::note_silence(Clock::duration silence) {
  if (silence <= kStall + ack_interval()) return;
  round_stalled_ = true;
  if (silence > smoothed_ / 4) round_blocked_ = true;
}

// The newest mark before `position`: what was sent before it may have waited
// for it to be acknowledged.
const InFlight::Mark* InFlight::take_marks(Position position) {
  const Mark* newest = nullptr;
  while (mark_count_ > 0 && marks_[first_mark_].end <= position) {
    newest = &marks_[first_mark_];
    first_mark_ = (first_mark_ + 1) % kMarks;
    --mark_count_;
  }
  return newest;
}

void InFlight::take_sample(const Mark& mark, Position position, TimePoint now) {
  Clock::duration rtt = std::max<Clock::duration>(now - mark.when, 1us);
  smoothed_ = sampled_ ? smoothed_ + (rtt - smoothed_) / 8 : rtt;
  sampled_ = true;
  round_least_ = std::min(round_least_, rtt);
  ++round_samples_;
  half_least_ = std::min(half_least_, rtt);
  ++half_samples_;
  if (rtt <= least_) {
    least_ = rtt;
    least_seen_ = now;
  }
  // What came out since the last acknowledgement before the mark was sent:
  // bytes that waited behind a loss were held back for just as long.
  Seconds elapsed = std::max(now - mark.last_acknowledged, rtt);
  double rate =
      static_cast<double>(position - mark.acknowledged) / elapsed.count();
  bool worked = !mark.app_limited || last_round_full_;
  if (worked || rate > this->rate()) rates_[0] = std::max(rates_[0], rate);
  if (worked) rate_known_ = true;
  if (!mark.last || last_round_full_) round_worked_ = true;
}

void InFlight::begin_round(TimePoint now) {
  round_end_ = sent_;
  round_began_ = now;
  round_least_ = Clock::duration::max();
  round_samples_ = 0;
  round_worked_ = round_stalled_ = round_blocked_ = false;
  last_round_full_ = round_full_;
  round_full_ = full();
  round_most_ = sent_ - acknowledged_;
}

void InFlight::end_round(TimePoint now) {
  bool worked = round_samples_ > 0 && (round_worked_ || last_round_full_);
  if (!worked || (phase_ == Phase::kSteady && settling_ == 0)) hear_noise();
  round_before_least_ = std::exchange(last_round_least_, round_least_);
  if (!worked) {
    if (phase_ == Phase::kDrain || phase_ == Phase::kMeasure) {
      phase_ = Phase::kSteady;
      set_limit(limit_before_drain_);
    }
    begin_round(now);
    return;
  }
  last_worked_ = now;
  stale_ = false;
  switch (phase_) {
    case Phase::kStartUp:
      if (!round_stalled_ && !rate_grows() &&
          round_least_ - least_ > start_up_target()) {
        leave_start_up();
      }
      break;
    case Phase::kSteady:
      steady_round(now);
      break;
    case Phase::kDrain:
      phase_ = Phase::kMeasure;
      break;
    case Phase::kMeasure:
      end_measure(now);
      break;
  }
  if (now - rates_moved_ >= kRateLasts) {
    std::shift_right(rates_.begin(), rates_.end(), 1);
    rates_[0] = 0;
    rates_moved_ = now;
  }
  begin_round(now);
}

// How much the least round trip of a round differs from the last one's, beyond
// what a growing limit makes of it.
void InFlight::hear_noise() {
  if (round_samples_ == 0 || last_round_least_ == Clock::duration::max())
    return;
  Clock::duration off = round_least_ > last_round_least_
                            ? round_least_ - last_round_least_
                            : last_round_least_ - round_least_;
  off =
      std::clamp<Clock::duration>(off - kQuiet, Clock::duration::zero(), kLoud);
  noise_ += (off - noise_) / 8;
}

// A TCP below that is starting too delays what we send by its own window and
// pacing; while the rate grows so is that no queue of the path's.
bool InFlight::rate_grows() const {
  return rate() > kStartUpGrowth * rate_before_halves_[1];
}

// Stays ahead of a TCP below that is starting too.
void InFlight::start_up(double count, TimePoint now) {
  if (2 * (round_most_ + frame_limit()) >= limit_) {
    double most = kStartUpGain * bytes_in(least_ + target());
    set_limit(std::max(static_cast<double>(limit_),
                       std::min(static_cast<double>(limit_) + count, most)));
  }
  if (now - half_began_ < std::max<Clock::duration>(least_ / 2, kMinRound))
    return;
  bool queue =
      half_samples_ >= kFewSamples && half_least_ - least_ > start_up_target();
  bool growing = rate_grows();
  rate_before_halves_ = {rate(), rate_before_halves_[0]};
  half_began_ = now;
  half_samples_ = 0;
  half_least_ = Clock::duration::max();
  if (!queue || growing || !round_worked_ || round_stalled_) return;
  leave_start_up();
  begin_round(now);
}

void InFlight::leave_start_up() {
  phase_ = Phase::kSteady;
  set_limit(bytes_in(least_ + target()));
  rounds_without_queue_ = unanswered_ = 0;
  expected_fall_ = {};
  settling_ = 1;
  forget_history();
}

// Whether more in flight has brought more through, two rounds later: then the
// path is not full, whatever the round trips say.
void InFlight::compare_rates() {
  std::shift_right(history_.begin(), history_.end(), 1);
  history_[0] = {static_cast<double>(limit_), rates_[0]};
  double grown = history_[2].limit / history_[6].limit - 1;
  double faster = history_[0].rate / history_[4].rate - 1;
  rate_follows_ =
      history_[6].limit > 0 && grown > kNoticeable && faster > kFollows * grown;
}

void InFlight::forget_history() {
  history_ = {};
  rate_follows_ = false;
}

void InFlight::steady_round(TimePoint now) {
  compare_rates();
  if (settling_ > 0) {
    --settling_;
    return;
  }
  Clock::duration queue = round_least_ - least_;
  bool too_much = 2 * queue > 3 * target();
  if (deaf_rounds_ > 0 || round_stalled_) {
    deaf_round(queue);
    return;
  }
  if (unanswered(too_much)) {
    deafness_ = std::clamp(2 * deafness_, kFirstDeafness, kMostDeafness);
    begin_drain();
    return;
  }
  if (too_much) {
    shrink();
  } else if (last_round_full_ && now - least_seen_ >= kLeastLasts) {
    rate_before_ = rate();
    limit_before_drain_ = static_cast<double>(limit_);
    begin_drain();
  } else if ((queue < target() || rate_follows_) && last_round_full_) {
    grow(queue);
  } else {
    rounds_without_queue_ = 0;
    if (queue > target() && last_round_full_ && !rate_follows_) ease(queue);
  }
}

// A little more than the target is no reason to stop sending, but none to leave
// it so: slowly, as what is changed shows only a round later.
void InFlight::ease(Clock::duration queue) {
  double surplus = Seconds(queue - target()) / Seconds(least_ + queue);
  set_limit(static_cast<double>(limit_) * (1 - surplus / 4));
}

// The round trips of this round tell nothing of a queue, unless it is that
// there is none. Behind a loss the path takes twice what it did, as half of it
// waits at the other end.
void InFlight::deaf_round(Clock::duration queue) {
  bool blocked = round_blocked_ &&
                 std::min(queue, round_before_least_ - least_) < target();
  bool more = deaf_rounds_ > 0 || blocked || rate_follows_ || queue < target();
  deaf_rounds_ -= deaf_rounds_ > 0;
  bool judging = expected_fall_ > Clock::duration::zero();
  if (!last_round_full_ || judging || !more) return;
  grow({});
  if (!blocked) return;
  double limit = static_cast<double>(limit_);
  set_limit(std::max(limit, std::min(limit * kBlockedGrowth,
                                     2 * bytes_in(least_ + target()))));
}

void InFlight::grow(Clock::duration queue) {
  rounds_without_queue_ = 4 * queue < target() ? rounds_without_queue_ + 1 : 0;
  double missing = Seconds(target() - queue) / Seconds(least_ + target());
  double growth = rate_follows_ ? kGrowth : std::min(kGrowth, missing / 2);
  if (rounds_without_queue_ > kSlowRounds) {
    int doublings = std::min(rounds_without_queue_ - kSlowRounds, 8);
    growth = std::min(kGrowth * (1 << doublings), kMostGrowth);
  }
  set_limit(static_cast<double>(limit_) * (1 + growth));
}

void InFlight::shrink() {
  double before = static_cast<double>(limit_);
  double share = Seconds(least_ + target()) / Seconds(round_least_);
  double wanted = last_round_full_
                      ? before * share
                      : rates_[0] * Seconds(least_ + target()).count();
  wanted = std::max(wanted, kFloor * bytes_in(least_ + target()));
  rounds_without_queue_ = 0;
  refill_to_ = 0;
  if (wanted >= before) return;
  set_limit(wanted);
  settling_ = 1;
  if (wanted > kTellingShrink * before) return;
  if (unanswered_ == 0) {
    rate_before_ = rate();
    limit_before_drain_ = before;
  }
  rtt_before_shrink_ = round_least_;
  expected_fall_ =
      std::min(round_least_ - least_ - target(),
               to_clock(Seconds(round_least_) * (1 - wanted / before)));
}

// Whether shrinking has been of no use, again.
bool InFlight::unanswered(bool too_much) {
  if (expected_fall_ == Clock::duration::zero()) return false;
  bool answered =
      !too_much || 2 * (rtt_before_shrink_ - round_least_) >= expected_fall_;
  unanswered_ = answered ? 0 : unanswered_ + 1;
  if (answered) deafness_ /= 2;
  expected_fall_ = {};
  return unanswered_ >= kUnansweredShrinks;
}

void InFlight::begin_drain() {
  refill_to_ = 0;
  phase_ = Phase::kDrain;
  least_before_drain_ = least_;
  set_limit(kFloor * bytes_in(least_));
}

void InFlight::end_measure(TimePoint now) {
  bool lower = least_before_drain_ - round_least_ > least_before_drain_ / 32;
  least_ = round_least_;
  least_seen_ = now;
  Clock::duration longer = round_least_ - least_before_drain_;
  if (unanswered_ > 0) {
    deaf_rounds_ = deafness_;
    set_limit(std::max(limit_before_drain_,
                       rate_before_ * Seconds(least_ + target()).count()));
  } else {
    refill_to_ = limit_before_drain_ + rate_before_ * Seconds(longer).count();
  }
  unanswered_ = 0;
  expected_fall_ = {};
  if (lower) {
    begin_drain();
    begin_round(now);
    return;
  }
  phase_ = Phase::kSteady;
  settling_ = 2;
  forget_history();
}

}  // namespace ginnel::mux
