// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace ginnel::bench {

using Clock = std::chrono::steady_clock;

// What bulk carries: random bytes that repeat after a prime number of them,
// so that a lost, doubled or misplaced frame shows, and comparing costs no
// more than memcmp.
class Pattern {
 public:
  Pattern() : bytes_(3 * kPeriod) {
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < kPeriod; ++i)
      bytes_[i] = static_cast<char>(random());
    for (std::size_t i = kPeriod; i < bytes_.size(); ++i)
      bytes_[i] = bytes_[i - kPeriod];
  }

  // The next bytes from `offset` on.
  std::span<const char> at(std::uint64_t offset) const {
    return {bytes_.data() + offset % kPeriod, kPeriod};
  }

  // REQUIRES: piece.size() <= 2 x kPeriod.
  bool is(std::span<const char> piece, std::uint64_t offset) const {
    const char* wanted = bytes_.data() + offset % kPeriod;
    return std::memcmp(piece.data(), wanted, piece.size()) == 0;
  }

 private:
  static constexpr std::size_t kPeriod = 65521;
  std::vector<char> bytes_;
};

// Bytes that arrived, by tenths of a second since the first; bytes that were
// not the pattern's end it.
class Progress {
 public:
  // False once wrong bytes have come.
  bool take(std::span<const char> piece) {
    Clock::time_point now = Clock::now();
    if (total_ == 0) start_ = now;
    auto tenth = static_cast<std::size_t>((now - start_) / kTenth);
    if (tenth >= tenths_.size()) tenths_.resize(tenth + 1);
    tenths_[tenth] += piece.size();
    right_ = right_ && pattern_.is(piece, total_);
    total_ += piece.size();
    return right_;
  }

  // {"right":true,"total":N,"tenths":[...]}
  void print(std::ostream& out) const {
    out << "{\"right\":" << (right_ ? "true" : "false")
        << ",\"total\":" << total_ << ",\"tenths\":[";
    for (std::size_t i = 0; i < tenths_.size(); ++i)
      out << (i > 0 ? "," : "") << tenths_[i];
    out << "]}" << std::endl;
  }

 private:
  static constexpr auto kTenth = std::chrono::milliseconds(100);
  Pattern pattern_;
  Clock::time_point start_;
  std::uint64_t total_ = 0;
  std::vector<std::uint64_t> tenths_;
  bool right_ = true;
};

// Durations, and what part of them is below what.
class Durations {
 public:
  void add(Clock::duration duration) { all_.push_back(duration); }
  std::size_t count() const { return all_.size(); }

  // "count":N,"p50":MS,"p99":MS,"max":MS
  void print(std::ostream& out) {
    std::sort(all_.begin(), all_.end());
    out << "\"count\":" << all_.size() << ",\"p50\":" << part(0.5)
        << ",\"p99\":" << part(0.99) << ",\"max\":" << part(1);
  }

 private:
  double part(double quantile) const {
    if (all_.empty()) return 0;
    auto i = static_cast<std::size_t>(quantile *
                                      static_cast<double>(all_.size() - 1));
    return std::chrono::duration<double, std::milli>(all_[i]).count();
  }

  std::vector<Clock::duration> all_;
};

}  // namespace ginnel::bench
