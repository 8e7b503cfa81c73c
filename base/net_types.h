// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ginnel {

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

// An IPv4 or IPv6 address. IPv4 uses the first four bytes; the rest are zero,
// so that comparison is by value, IPv4 before IPv6.
class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  // Takes the first size_of(family) bytes at `bytes`.
  IpAddress(Family family, const std::uint8_t* bytes);

  // "192.0.2.1" or "2001:db8::1"; no brackets, no zone, no host name.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress any(Family family);
  static IpAddress loopback(Family family);

  Family family() const { return family_; }
  int bits() const { return family_ == Family::kIpv4 ? 32 : 128; }
  std::size_t size() const { return bits() / 8; }
  const std::uint8_t* data() const { return bytes_.data(); }
  int address_family() const;  // AF_INET or AF_INET6

  bool is_any() const;
  bool is_loopback() const;
  bool is_link_local() const;
  // The IPv4 address inside ::ffff:a.b.c.d, else the address itself.
  IpAddress unmapped() const;
  // With every bit after the first `length` cleared, or set.
  IpAddress masked(int length) const;
  IpAddress filled(int length) const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::kIpv4;
  std::array<std::uint8_t, 16> bytes_{};
};

std::string to_string(const IpAddress& address);

// An address and a TCP or UDP port.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  Endpoint() = default;
  Endpoint(IpAddress where, std::uint16_t which)
      : address(where), port(which) {}
  auto operator<=>(const Endpoint&) const = default;
};

// "192.0.2.1:80" or "[2001:db8::1]:80".
std::string to_string(const Endpoint& endpoint);

// A sockaddr with its length, as the socket calls want it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  SocketAddress() = default;
  explicit SocketAddress(const Endpoint& endpoint);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  // Nothing for a family other than IPv4 and IPv6.
  std::optional<Endpoint> endpoint() const;
};

// A network: the address with its host bits clear, and how many bits name it.
class Prefix {
 public:
  Prefix() = default;  // 0.0.0.0/0
  // Clears the host bits. REQUIRES: 0 <= length <= address.bits().
  Prefix(IpAddress address, int length);

  IpAddress first() const { return address_; }
  IpAddress last() const { return address_.filled(length_); }
  int length() const { return length_; }
  Family family() const { return address_.family(); }
  bool contains(const IpAddress& address) const;

  auto operator<=>(const Prefix&) const = default;

 private:
  IpAddress address_;
  int length_ = 0;
};

// "10.0.0.0/8".
std::string to_string(const Prefix& prefix);

// First and last port, both included. The default is every port.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 65535;

  PortRange() = default;
  PortRange(std::uint16_t low, std::uint16_t high) : first(low), last(high) {}
  bool all() const { return first == 0 && last == 65535; }
  int count() const { return last - first + 1; }
  bool contains(std::uint16_t port) const {
    return first <= port && port <= last;
  }
  auto operator<=>(const PortRange&) const = default;
};

// A decimal port, 1 to 65535; no sign, no space.
std::optional<std::uint16_t> parse_port(std::string_view text);

}  // namespace ginnel
