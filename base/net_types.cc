// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/net_types.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>

namespace ginnel {

IpAddress::IpAddress(Family family, const std::uint8_t* bytes)
    : family_(family) {
  std::copy_n(bytes, size(), bytes_.begin());
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated) return std::nullopt;
  *std::copy(text.begin(), text.end(), terminated) = '\0';
  if (std::strlen(terminated) != text.size()) return std::nullopt;
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, terminated, bytes) == 1) {
    return IpAddress(Family::kIpv4, bytes);
  }
  if (inet_pton(AF_INET6, terminated, bytes) == 1) {
    return IpAddress(Family::kIpv6, bytes);
  }
  return std::nullopt;
}

IpAddress IpAddress::any(Family family) {
  const std::uint8_t zeros[16] = {};
  return IpAddress(family, zeros);
}

IpAddress IpAddress::loopback(Family family) {
  const std::uint8_t v4[] = {127, 0, 0, 1};
  return IpAddress(family,
                   family == Family::kIpv4 ? v4 : in6addr_loopback.s6_addr);
}

int IpAddress::address_family() const {
  return family_ == Family::kIpv4 ? AF_INET : AF_INET6;
}

bool IpAddress::is_any() const { return *this == any(family_); }

bool IpAddress::is_loopback() const {
  if (family_ == Family::kIpv4) return bytes_[0] == 127;
  IpAddress inner = unmapped();
  if (inner.family_ == Family::kIpv4) return inner.is_loopback();
  return *this == loopback(Family::kIpv6);
}

bool IpAddress::is_link_local() const {
  if (family_ == Family::kIpv4) return bytes_[0] == 169 && bytes_[1] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

IpAddress IpAddress::unmapped() const {
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0,    0,
                                               0, 0, 0, 0, 0xff, 0xff};
  if (family_ == Family::kIpv6 &&
      std::equal(std::begin(kMapped), std::end(kMapped), bytes_.begin())) {
    return IpAddress(Family::kIpv4, bytes_.data() + 12);
  }
  return *this;
}

IpAddress IpAddress::masked(int length) const {
  IpAddress result = *this;
  for (int bit = length; bit < bits(); ++bit) {
    result.bytes_[bit / 8] &= ~(0x80 >> bit % 8);
  }
  return result;
}

IpAddress IpAddress::filled(int length) const {
  IpAddress result = *this;
  for (int bit = length; bit < bits(); ++bit) {
    result.bytes_[bit / 8] |= 0x80 >> bit % 8;
  }
  return result;
}

std::string to_string(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(address.address_family(), address.data(), text, sizeof text);
  return text;
}

std::string to_string(const Endpoint& endpoint) {
  std::string address = to_string(endpoint.address);
  if (endpoint.address.family() == Family::kIpv6) address = "[" + address + "]";
  return address + ":" + std::to_string(endpoint.port);
}

SocketAddress::SocketAddress(const Endpoint& endpoint) {
  if (endpoint.address.family() == Family::kIpv4) {
    auto* in = reinterpret_cast<sockaddr_in*>(&storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(endpoint.port);
    std::memcpy(&in->sin_addr, endpoint.address.data(), 4);
    size = sizeof *in;
  } else {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(endpoint.port);
    std::memcpy(&in6->sin6_addr, endpoint.address.data(), 16);
    size = sizeof *in6;
  }
}

std::optional<Endpoint> SocketAddress::endpoint() const {
  if (storage.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&in->sin_addr);
    return Endpoint(IpAddress(Family::kIpv4, bytes), ntohs(in->sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    return Endpoint(IpAddress(Family::kIpv6, in6->sin6_addr.s6_addr),
                    ntohs(in6->sin6_port));
  }
  return std::nullopt;
}

Prefix::Prefix(IpAddress address, int length)
    : address_(address.masked(length)), length_(length) {
  assert(0 <= length && length <= address.bits());
}

bool Prefix::contains(const IpAddress& address) const {
  return address.family() == family() && address.masked(length_) == address_;
}

std::string to_string(const Prefix& prefix) {
  return to_string(prefix.first()) + "/" + std::to_string(prefix.length());
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return std::nullopt;
  }
  return port;
}

}  // namespace ginnel
