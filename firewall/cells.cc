// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/cells.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

// Visits of a rule for an address interval, at some 20 ns each; pieces of the
// port range that such a visit moves in memory count as well, 64 as one.
constexpr std::size_t kMaxWork = 50'000'000;
constexpr std::size_t kPiecesOfWork = 64;

// Position in the order in which rules count: 0 before all others.
using Rank = std::uint32_t;

bool counts_before(const Rule& a, const Rule& b) {
  if (a.ports.count() != b.ports.count()) {
    return a.ports.count() < b.ports.count();
  }
  if (a.prefix.length() != b.prefix.length()) {
    return a.prefix.length() > b.prefix.length();
  }
  return a.action == Action::kExclude && b.action == Action::kInclude;
}

// The address after or before; nothing past either end.
std::optional<IpAddress> stepped(const IpAddress& from, bool up) {
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(from.data(), from.size(), bytes.begin());
  std::uint8_t rolls_over = up ? 0xff : 0x00;
  for (std::size_t i = from.size(); i-- > 0;) {
    bool carry = bytes[i] == rolls_over;
    bytes[i] += up ? 1 : -1;
    if (!carry) return IpAddress(from.family(), bytes.data());
  }
  return std::nullopt;
}

// Where a rule begins to cover addresses, or no longer does.
struct Border {
  IpAddress at;
  Rank rank;
  bool opens;
};

std::vector<Border> borders_of(std::span<const Rule> ordered, Family family) {
  std::vector<Border> borders;
  for (Rank rank = 0; rank < ordered.size(); ++rank) {
    const Prefix& prefix = ordered[rank].prefix;
    if (prefix.family() != family) continue;
    borders.push_back({prefix.first(), rank, true});
    if (auto end = stepped(prefix.last(), true)) {
      borders.push_back({*end, rank, false});
    }
  }
  std::sort(borders.begin(), borders.end(),
            [](const Border& a, const Border& b) { return a.at < b.at; });
  return borders;
}

// Takes `cut` out of `free` and hands each piece that was in both to `take`.
template <typename Take>
void cut_out(PortRanges& free, const PortRange& cut, Take take) {
  auto first = std::partition_point(
      free.begin(), free.end(),
      [&](const PortRange& piece) { return piece.last < cut.first; });
  auto last = std::partition_point(
      first, free.end(),
      [&](const PortRange& piece) { return piece.first <= cut.last; });
  if (first == last) return;
  PortRanges left;
  for (auto piece = first; piece != last; ++piece) {
    take(PortRange(std::max(piece->first, cut.first),
                   std::min(piece->last, cut.last)));
  }
  if (first->first < cut.first) {
    left.emplace_back(first->first, static_cast<std::uint16_t>(cut.first - 1));
  }
  if (cut.last < std::prev(last)->last) {
    left.emplace_back(static_cast<std::uint16_t>(cut.last + 1),
                      std::prev(last)->last);
  }
  free.insert(free.erase(first, last), left.begin(), left.end());
}

PortRanges joined(PortRanges pieces) {
  std::sort(pieces.begin(), pieces.end());
  PortRanges result;
  for (const PortRange& piece : pieces) {
    if (!result.empty() && result.back().last + 1 == piece.first) {
      result.back().last = piece.last;
    } else {
      result.push_back(piece);
    }
  }
  return result;
}

// The ports captured where exactly the rules `active` apply.
PortRanges captured_ports(std::span<const Rule> ordered,
                          const std::set<Rank>& active, std::size_t& work) {
  PortRanges free = {PortRange()};
  PortRanges captured;
  for (Rank rank : active) {
    if (free.empty()) break;
    const Rule& rule = ordered[rank];
    work += 1 + free.size() / kPiecesOfWork;
    cut_out(free, rule.ports, [&](const PortRange& piece) {
      ++work;
      if (rule.action == Action::kInclude) captured.push_back(piece);
    });
  }
  return joined(std::move(captured));
}

using ShapesByPorts = std::map<PortRanges, Shape>;

void add_interval(ShapesByPorts& shapes, const PortRanges& ports,
                  const AddressInterval& interval) {
  Shape& shape = shapes[ports];
  auto& intervals =
      interval.first.family() == Family::kIpv4 ? shape.ipv4 : shape.ipv6;
  if (!intervals.empty() &&
      stepped(intervals.back().last, true) == interval.first) {
    intervals.back().last = interval.last;
  } else {
    intervals.push_back(interval);
  }
}

// Walks over the addresses from border to border.
Result<void> flatten_family(std::span<const Rule> ordered, Family family,
                            ShapesByPorts& shapes, std::size_t& work) {
  std::vector<Border> borders = borders_of(ordered, family);
  IpAddress top = IpAddress::any(family).filled(0);
  std::set<Rank> active;
  for (std::size_t i = 0; i < borders.size();) {
    IpAddress first = borders[i].at;
    for (; i < borders.size() && borders[i].at == first; ++i) {
      if (borders[i].opens) {
        active.insert(borders[i].rank);
      } else {
        active.erase(borders[i].rank);
      }
    }
    PortRanges ports = captured_ports(ordered, active, work);
    if (work > kMaxWork) {
      return Error(
          "too many rules overlap; give fewer port ranges or fewer networks");
    }
    if (ports.empty()) continue;
    IpAddress last = i == borders.size() ? top : *stepped(borders[i].at, false);
    add_interval(shapes, ports, {first, last});
    if (shapes.size() > kMaxShapes) {
      return Error(concat("the rules need more than ", kMaxShapes,
                          " different sets of ports; give fewer port ranges"));
    }
  }
  return {};
}

bool holds(const PortRanges& ports, std::uint16_t port) {
  return std::any_of(ports.begin(), ports.end(), [&](const PortRange& range) {
    return range.contains(port);
  });
}

bool holds(const Shape& shape, const IpAddress& address) {
  const auto& intervals = shape.addresses(address.family());
  auto next = std::partition_point(
      intervals.begin(), intervals.end(),
      [&](const AddressInterval& interval) { return interval.last < address; });
  return next != intervals.end() && next->first <= address;
}

}  // namespace

Result<std::vector<Shape>> flatten(std::span<const Rule> rules) {
  std::vector<Rule> ordered(rules.begin(), rules.end());
  std::sort(ordered.begin(), ordered.end(), counts_before);
  ShapesByPorts by_ports;
  std::size_t work = 0;
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    Result<void> done = flatten_family(ordered, family, by_ports, work);
    if (!done) return done.error();
  }
  std::vector<Shape> shapes;
  for (auto& [ports, shape] : by_ports) {
    shape.ports = ports;
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

bool is_captured(std::span<const Shape> shapes, const Endpoint& destination) {
  return std::any_of(shapes.begin(), shapes.end(), [&](const Shape& shape) {
    return holds(shape.ports, destination.port) &&
           holds(shape, destination.address);
  });
}

bool is_captured(std::span<const Shape> shapes, const IpAddress& address) {
  return std::any_of(shapes.begin(), shapes.end(),
                     [&](const Shape& shape) { return holds(shape, address); });
}

}  // namespace ginnel::firewall
