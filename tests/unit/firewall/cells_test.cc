// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/cells.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <tuple>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

Rule rule(Action action, const char* address, int length,
          PortRange ports = PortRange()) {
  return Rule(Prefix(ip(address), length), ports, action);
}
constexpr Action kIn = Action::kInclude;
constexpr Action kOut = Action::kExclude;

// One line a shape: "80-80,443-443: 10.0.0.0-10.0.0.255 ...".
std::string text_of(const std::vector<Rule>& rules) {
  Result<std::vector<Shape>> shapes = flatten(rules);
  if (!shapes) return shapes.error().message();
  std::string text;
  for (const Shape& shape : *shapes) {
    for (const PortRange& range : shape.ports) {
      text += concat(range.first, "-", range.last, " ");
    }
    text += ":";
    for (const auto* list : {&shape.ipv4, &shape.ipv6}) {
      for (const AddressInterval& interval : *list) {
        text += concat(" ", interval.first, "-", interval.last);
      }
    }
    text += "\n";
  }
  return text;
}

// The rule that counts, found as the definition says it: look at every rule
// and keep the better one. Shares nothing with the code under test.
bool captured_by_definition(const std::vector<Rule>& rules,
                            const Endpoint& to) {
  const Rule* best = nullptr;
  for (const Rule& rule : rules) {
    if (!rule.prefix.contains(to.address) || !rule.ports.contains(to.port)) {
      continue;
    }
    auto key = [](const Rule& r) {
      return std::tuple(r.ports.last - r.ports.first, -r.prefix.length(),
                        r.action == kOut ? 0 : 1);
    };
    if (best == nullptr || key(rule) < key(*best)) best = &rule;
  }
  return best != nullptr && best->action == kIn;
}

// Addresses and ports from a universe so small that most rules overlap: the
// bottom and the top sixteen addresses, and ports at both ends and between.
class RandomPlan {
 public:
  explicit RandomPlan(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  IpAddress address(Family family) {
    std::uint8_t fill = below(2) == 0 ? 0x00 : 0xff;
    std::uint8_t bytes[16];
    std::fill(std::begin(bytes), std::end(bytes), fill);
    std::size_t end = family == Family::kIpv4 ? 3 : 15;
    bytes[end] = static_cast<std::uint8_t>((fill & 0xf0) | below(16));
    return IpAddress(family, bytes);
  }

  Family family() { return below(2) == 0 ? Family::kIpv4 : Family::kIpv6; }

  std::uint16_t port() {
    static constexpr std::uint16_t kPorts[] = {0,  1,  2,     79,    80,
                                               81, 82, 65533, 65534, 65535};
    return kPorts[below(std::size(kPorts))];
  }

  Rule rule() {
    IpAddress where = address(family());
    int host_bits = static_cast<int>(below(6));
    int length = host_bits == 5 ? 0 : where.bits() - host_bits;
    std::uint16_t a = port();
    std::uint16_t b = port();
    PortRange ports(std::min(a, b), std::max(a, b));
    if (below(3) == 0) ports = PortRange();
    return Rule(Prefix(where, length), ports, below(2) == 0 ? kIn : kOut);
  }

  std::vector<Rule> rules() {
    std::vector<Rule> result(1 + below(12));
    for (Rule& each : result) each = rule();
    return result;
  }

 private:
  std::mt19937 random_;
};

// Counts, so that a cell covered twice is seen as well as one not covered.
int times_captured(const std::vector<Shape>& shapes, const Endpoint& to) {
  int times = 0;
  for (const Shape& shape : shapes) {
    for (const PortRange& ports : shape.ports) {
      for (const auto& interval : shape.addresses(to.address.family())) {
        times += ports.contains(to.port) && interval.first <= to.address &&
                 to.address <= interval.last;
      }
    }
  }
  return times;
}

TEST_CASE("cells: 10 000 random plans decide as the ordered rules do") {
  int captured = 0;
  int free = 0;
  for (unsigned seed = 1; seed <= 10'000; ++seed) {
    RandomPlan random(seed);
    std::vector<Rule> rules = random.rules();
    Result<std::vector<Shape>> shapes = flatten(rules);
    REQUIRE(shapes);
    for (int probe = 0; probe < 60; ++probe) {
      Endpoint to(random.address(random.family()), random.port());
      bool expected = captured_by_definition(rules, to);
      (expected ? captured : free)++;
      if (times_captured(*shapes, to) != int(expected) ||
          is_captured(*shapes, to) != expected) {
        FAIL(concat("seed ", seed, ": ", to, " should", expected ? "" : " not",
                    " be captured by\n", text_of(rules)));
      }
    }
  }
  // The universe is such that both answers are common.
  CHECK(captured > 100'000);
  CHECK(free > 100'000);
}

TEST_CASE("cells: shapes are in order, apart, and never empty") {
  for (unsigned seed = 1; seed <= 500; ++seed) {
    RandomPlan random(seed);
    Result<std::vector<Shape>> shapes = flatten(random.rules());
    REQUIRE(shapes);
    for (const Shape& shape : *shapes) {
      CAPTURE(seed);
      CHECK_FALSE(shape.ports.empty());
      CHECK_FALSE((shape.ipv4.empty() && shape.ipv6.empty()));
      for (std::size_t i = 1; i < shape.ports.size(); ++i) {
        CHECK(shape.ports[i - 1].last + 1 < shape.ports[i].first);
      }
    }
  }
}

TEST_CASE("cells: everything is one interval from bottom to top") {
  CHECK(text_of({rule(kIn, "0.0.0.0", 0), rule(kIn, "::", 0)}) ==
        "0-65535 : 0.0.0.0-255.255.255.255 "
        "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n");
}

TEST_CASE("cells: the ends of both ranges can be cut off") {
  CHECK(text_of({rule(kIn, "0.0.0.0", 0), rule(kOut, "0.0.0.0", 32),
                 rule(kOut, "255.255.255.255", 32)}) ==
        "0-65535 : 0.0.0.1-255.255.255.254\n");
  CHECK(text_of({rule(kIn, "::", 0), rule(kOut, "::", 128),
                 rule(kOut, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128)}) ==
        "0-65535 : ::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe\n");
  CHECK(text_of({rule(kIn, "10.0.0.0", 8),
                 rule(kOut, "0.0.0.0", 0, PortRange(0, 0)),
                 rule(kOut, "0.0.0.0", 0, PortRange(65535, 65535))}) ==
        "1-65534 : 10.0.0.0-10.255.255.255\n");
}

TEST_CASE("cells: the narrowest port range counts before the longest prefix") {
  // The /8 names one port, so the /32 for all ports does not exempt it.
  CHECK(text_of({rule(kIn, "10.0.0.0", 8, PortRange(80, 80)),
                 rule(kOut, "10.0.0.1", 32)}) ==
        "80-80 : 10.0.0.0-10.255.255.255\n");
}

TEST_CASE("cells: of equal port ranges the longest prefix counts") {
  CHECK(text_of({rule(kOut, "10.0.0.0", 8), rule(kIn, "10.1.0.0", 16),
                 rule(kOut, "10.1.2.0", 24)}) ==
        "0-65535 : 10.1.0.0-10.1.1.255 10.1.3.0-10.1.255.255\n");
}

TEST_CASE("cells: of equal rules the exclude counts") {
  CHECK(text_of({rule(kIn, "10.0.0.0", 8), rule(kOut, "10.0.0.0", 8)}) == "");
  CHECK(text_of({rule(kOut, "10.0.0.0", 8), rule(kIn, "10.0.0.0", 8)}) == "");
}

TEST_CASE("cells: neighbours with the same ports become one interval") {
  CHECK(text_of({rule(kIn, "10.0.0.0", 24), rule(kIn, "10.0.1.0", 24),
                 rule(kIn, "10.0.2.0", 24, PortRange(80, 80))}) ==
        "0-65535 : 10.0.0.0-10.0.1.255\n"
        "80-80 : 10.0.2.0-10.0.2.255\n");
}

TEST_CASE("cells: 20 000 prefixes with holes make one shape") {
  std::vector<Rule> rules;
  for (int i = 0; i < 20'000; ++i) {
    std::uint8_t bytes[] = {static_cast<std::uint8_t>(20 + i / 10'000),
                            static_cast<std::uint8_t>(i / 100 % 100),
                            static_cast<std::uint8_t>(i % 100 * 2), 0};
    Prefix where(IpAddress(Family::kIpv4, bytes), 24);
    rules.emplace_back(where, PortRange(), kIn);
    bytes[3] = 9;
    Prefix hole(IpAddress(Family::kIpv4, bytes), 32);
    rules.emplace_back(hole, PortRange(), kOut);
  }
  Result<std::vector<Shape>> shapes = flatten(rules);
  REQUIRE(shapes);
  REQUIRE(shapes->size() == 1);
  CHECK(shapes->front().ipv4.size() == 40'000);
}

TEST_CASE("cells: plans out of all proportion are refused, not computed") {
  std::vector<Rule> shapes;
  for (std::size_t i = 0; i <= kMaxShapes; ++i) {
    std::uint8_t bytes[] = {10, static_cast<std::uint8_t>(i >> 8),
                            static_cast<std::uint8_t>(i), 0};
    auto port = static_cast<std::uint16_t>(1 + i);
    shapes.emplace_back(Prefix(IpAddress(Family::kIpv4, bytes), 24),
                        PortRange(port, port), kIn);
  }
  CHECK(text_of(shapes) ==
        "the rules need more than 1024 different sets of ports; give fewer "
        "port ranges");

  std::vector<Rule> overlaps;
  for (std::uint32_t i = 0; i < 30'000; ++i) {
    std::uint8_t bytes[] = {10, static_cast<std::uint8_t>(i >> 8),
                            static_cast<std::uint8_t>(i), 0};
    overlaps.emplace_back(Prefix(IpAddress(Family::kIpv4, bytes), 32),
                          PortRange(), kIn);
    auto port = static_cast<std::uint16_t>(2 * i);
    overlaps.emplace_back(Prefix(ip("0.0.0.0"), 0), PortRange(port, port),
                          kOut);
  }
  CHECK(text_of(overlaps) ==
        "too many rules overlap; give fewer port ranges or fewer networks");
}

}  // namespace
}  // namespace ginnel::firewall
