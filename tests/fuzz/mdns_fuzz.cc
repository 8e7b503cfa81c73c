// SPDX-License-Identifier: GPL-3.0-or-later
// What is believed of multicast DNS messages, and what is asked because of
// them. The input is a row of messages, each behind two bytes of length; the
// top bits of the first let time go by and choose a link.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <utility>

#include "names/host_address.h"
#include "names/host_name.h"
#include "names/mdns_browser.h"

namespace {

using namespace ginnel;
using Clock = mdns::Browser::Clock;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  auto now = Clock::time_point() + std::chrono::hours(1);
  std::set<std::pair<std::string, IpAddress>> known;
  mdns::Browser browser(
      now, [&](bool gone, const std::string& name, const IpAddress& address) {
        require(is_strict_host_name(name) && name.ends_with(".local"));
        require(names::is_host_address(address));
        require(gone ? known.erase({name, address}) == 1
                     : known.emplace(name, address).second);
      });
  ByteReader reader(std::as_bytes(std::span(data, size)));
  auto last_query = now - std::chrono::hours(1);
  while (reader.ok() && !reader.rest().empty()) {
    unsigned head = reader.u16();
    Bytes message =
        reader.bytes(std::min<std::size_t>(head & 0x3ff, reader.rest().size()));
    now += std::chrono::milliseconds(700) * (head >> 12);
    browser.tick(now);
    browser.heard(message, 1 + (head >> 10 & 1), now);
    auto counters = browser.counters();
    require(counters.hosts == known.size());
    require(counters.hosts <= mdns::Browser::kMaxHosts);
    require(counters.pointers <= mdns::Browser::kMaxPointers);
    require(counters.questions <= mdns::Browser::kMaxQuestions);
    if (auto query = browser.query(now)) {
      require(query->size() <= mdns::kMaxQuery);
      require(now - last_query >= mdns::Browser::kGap);
      require(dns::read_question(*query).has_value());
      last_query = now;
    }
    require(browser.next_time() != Clock::time_point::max());
  }
  return 0;
}
