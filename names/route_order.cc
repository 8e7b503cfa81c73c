// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/route_order.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace ginnel {
namespace {

struct Range {
  const char* first;
  int length;
};
constexpr Range kPrivate[] = {{"10.0.0.0", 8},
                              {"172.16.0.0", 12},
                              {"192.168.0.0", 16},
                              {"100.64.0.0", 10},
                              {"fc00::", 7}};

}  // namespace

bool is_private(const Prefix& network) {
  static const auto ranges = [] {
    std::array<Prefix, std::size(kPrivate)> made;
    std::transform(std::begin(kPrivate), std::end(kPrivate), made.begin(),
                   [](const Range& range) {
                     return Prefix(*IpAddress::parse(range.first),
                                   range.length);
                   });
    return made;
  }();
  return std::any_of(ranges.begin(), ranges.end(), [&](const Prefix& range) {
    return network.length() >= range.length() &&
           range.contains(network.first());
  });
}

bool RouteOrder::operator()(const Prefix& a, const Prefix& b) const {
  return std::tuple(!is_private(a), a.length(), a) <
         std::tuple(!is_private(b), b.length(), b);
}

}  // namespace ginnel
