// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "names/mdns.h"

namespace ginnel::mdns {

// Finds the hosts of the links by listening to multicast DNS and asking what is
// not said by itself: which types of service there are (RFC 6763 section 9),
// who offers each, on which hosts, at which addresses; and the names of
// addresses that are known from elsewhere. Bytes and the time go in, queries
// and hosts come out. Pure.
//
// What it sends, over all links alike:
//   - at most one query a second, of at most 1232 bytes, with all the questions
//     that are due and fit, behind them the answers that are known (section
//     7.1);
//   - a question again after 1 s, then each time after twice as long, up to an
//     hour (section 5.2); about a host, a service or an address no more than
//     kTries times until something new is heard of it;
//   - about the addresses of a known host when four fifths of their time are
//     over, and once more at nine tenths. That time is at least ten minutes,
//     even where a record says less: hosts announce changes by themselves, and
//     asking hundreds of hosts every 96 s would be a flood.
class Browser {
 public:
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;

  // Of each kind; what comes after is passed over.
  static constexpr std::size_t kMaxTypes = 64;
  static constexpr std::size_t kMaxPointers = 512;
  static constexpr std::size_t kMaxHosts = 1024;  // pairs of name and address
  static constexpr std::size_t kMaxQuestions = 1024;
  static constexpr int kTries = 3;
  static constexpr auto kGap = std::chrono::seconds(1);
  static constexpr auto kLongest = std::chrono::hours(1);
  static constexpr auto kLeastTime = std::chrono::minutes(10);
  static constexpr auto kMostTime = std::chrono::hours(2);

  // A name and an address of it, found or gone.
  using Tell = std::function<void(bool gone, const std::string& name,
                                  const IpAddress& address)>;

  // Asks first at `begin`.
  Browser(TimePoint begin, Tell tell);

  // Asks who has that address.
  void who_has(const IpAddress& address, TimePoint now);
  // A message came from a host on `link`.
  void heard(Bytes message, unsigned link, TimePoint now);
  // What to send now over every link, if anything.
  std::optional<std::vector<std::byte>> query(TimePoint now);
  // When query() or the end of something is due.
  TimePoint next_time() const;
  // Ends what is over.
  void tick(TimePoint now);

  struct Counters {
    std::size_t hosts, pointers, questions;
  };
  Counters counters() const {
    return {hosts_.size(), pointer_count_, questions_.size()};
  }

 private:
  struct Schedule {
    TimePoint next;
    Clock::duration interval = kGap;
    int tries = kTries;  // -1: without end
  };
  struct Target {
    std::uint32_t ttl;
    TimePoint heard;
    TimePoint expires;
  };
  struct Host {
    unsigned link;
    TimePoint heard;
    TimePoint expires;
    int refreshed = 0;  // asked for again
  };
  using HostKey = std::pair<std::string, IpAddress>;

  void want(const Question& question, TimePoint now, int tries);
  void take_pointer(const Record& record, TimePoint now);
  void take_address(const Record& record, unsigned link, TimePoint now);
  void flush_others(const std::vector<Record>& records, unsigned link,
                    TimePoint now);
  void want_address(const std::string& name, TimePoint now);
  void drop(std::map<HostKey, Host>::iterator host);
  void refresh_hosts(TimePoint now);
  static TimePoint refresh_time(const Host& host);
  void add_known(QueryBuilder& builder, const std::set<std::string>& names,
                 TimePoint now);

  Tell tell_;
  TimePoint not_before_;  // the next query
  std::map<Question, Schedule> questions_;
  // Of PTR records: by name, what they point to.
  std::map<std::string, std::map<std::string, Target>> pointers_;
  std::size_t pointer_count_ = 0;
  std::size_t types_ = 0;
  std::map<HostKey, Host> hosts_;
};

}  // namespace ginnel::mdns
