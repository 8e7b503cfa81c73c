// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/wan_line.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace ginnel::bench {
namespace {

double number(std::string_view text, std::string_view whole) {
  std::size_t used = 0;
  double value = -1;
  try {
    value = std::stod(std::string(text), &used);
  } catch (const std::logic_error&) {
  }
  if (value < 0 || used != text.size())
    throw std::invalid_argument("no rate or time: " + std::string(whole));
  return value;
}

// Slots for what can be on its way and waiting, twice over since not every
// packet is full, and as many again as a burst of small ones needs.
std::uint64_t slots_for(const LineOptions& options) {
  constexpr double kUnlimited = 4e9;  // for memory only
  double rate =
      options.rate.highest() > 0 ? options.rate.highest() : kUnlimited;
  double bytes =
      rate / 8 * static_cast<double>(options.delay + options.jitter) / kSecond +
      static_cast<double>(options.queue);
  auto packets = static_cast<std::uint64_t>(bytes / Line::kMtu);
  return std::bit_ceil(2 * packets + 8192);
}

}  // namespace

RateSchedule::RateSchedule(std::string_view text) {
  for (;;) {
    std::size_t comma = text.find(',');
    add(text.substr(0, comma));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
}

void RateSchedule::add(std::string_view entry) {
  std::string_view rate = entry.substr(0, entry.find('@'));
  Time begin = 0;
  if (rate.size() < entry.size()) {
    std::string_view when = entry.substr(rate.size() + 1);
    if (when.ends_with('s')) when.remove_suffix(1);
    begin = static_cast<Time>(number(when, entry) * kSecond);
  }
  bool in_order = steps_.empty() ? begin == 0 : begin > steps_.back().begin;
  if (!in_order || period_ > 0)
    throw std::invalid_argument("times must grow from 0: " +
                                std::string(entry));
  if (rate.empty() && !steps_.empty())
    period_ = begin;
  else
    steps_.push_back({begin, number(rate, entry) * 1e6});
}

double RateSchedule::at(Time since_start) const {
  if (period_ > 0) since_start %= period_;
  std::size_t i = steps_.size() - 1;
  while (i > 0 && steps_[i].begin > since_start) --i;
  return steps_[i].bits_per_second;
}

double RateSchedule::highest() const {
  double result = 0;
  for (const Step& step : steps_)
    result = std::max(result, step.bits_per_second);
  return result;
}

Time Jitter::at(Time now) {
  if (range_ == 0) return 0;
  Time length = 2 * range_;
  if (now - begin_ >= 2 * length) begin_ = now - length;
  if (now - begin_ >= length) {
    begin_ += length;
    from_ = to_;
    to_ = std::uniform_int_distribution<Time>(0, range_)(random_);
  }
  return from_ + (to_ - from_) * (now - begin_) / length;
}

Line::Line(const LineOptions& options, Time start)
    : options_(options),
      start_(start),
      jitter_(options.jitter, options.seed),
      random_(options.seed + 1),
      mask_(slots_for(options) - 1),
      slots_(std::make_unique_for_overwrite<Packet[]>(mask_ + 1)) {}

void Line::accept(std::size_t size, Time now) {
  send_until(now);
  if (waiting_bytes_ + size > options_.queue && options_.rate.highest() > 0) {
    ++counts_.tail_dropped;
    return;
  }
  if (tail_ - head_ == mask_) {
    ++counts_.overflowed;
    return;
  }
  incoming().when = now;
  incoming().size = static_cast<std::uint32_t>(size);
  waiting_bytes_ += size;
  ++tail_;
}

const Line::Packet* Line::outgoing(Time now) {
  send_until(now);
  while (head_ != sending_ && slot(head_).when <= now) {
    const Packet& packet = slot(head_);
    counts_.latest = std::max(counts_.latest, now - packet.when);
    if (packet.size > 0) {
      ++counts_.packets;
      counts_.bytes += packet.size;
      return &packet;
    }
    ++counts_.lost;
    pop();
  }
  return nullptr;
}

std::optional<Time> Line::next_time() const {
  if (head_ != sending_) return slot(head_).when;
  if (sending_ != tail_) return end_of_sending(slot(sending_));
  return std::nullopt;
}

Time Line::end_of_sending(const Packet& packet) const {
  Time begin = std::max(free_, packet.when);
  double rate = options_.rate.at(begin - start_);
  if (rate == 0) return begin;
  return begin + static_cast<Time>(packet.size * 8.0 / rate * kSecond);
}

void Line::send_until(Time now) {
  while (sending_ != tail_) {
    Packet& packet = slot(sending_);
    Time end = end_of_sending(packet);
    if (end > now) break;
    free_ = end;
    waiting_bytes_ -= packet.size;
    packet.when = end + options_.delay + jitter_.at(end);
    if (is_lost()) packet.size = 0;
    ++sending_;
  }
}

bool Line::is_lost() {
  return options_.loss > 0 &&
         std::uniform_real_distribution<double>(0, 1)(random_) < options_.loss;
}

}  // namespace ginnel::bench
