// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/proc_net_tcp.h"

#include <charconv>
#include <cstring>
#include <optional>

namespace ginnel::names {
namespace {

constexpr std::string_view kEstablished = "01";
constexpr std::size_t kWordDigits = 8;

std::string_view take_until(std::string_view& text, char end) {
  std::size_t size = std::min(text.find(end), text.size());
  std::string_view taken = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return taken;
}

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return take_until(line, ' ');
}

// One or four words of 32 bits in the machine's order, in hexadecimal.
std::optional<IpAddress> parse_address(std::string_view digits) {
  if (digits.size() != kWordDigits && digits.size() != 4 * kWordDigits) {
    return {};
  }
  std::uint8_t bytes[16];
  for (std::size_t i = 0; i < digits.size() / kWordDigits; ++i) {
    const char* first = digits.data() + i * kWordDigits;
    std::uint32_t word = 0;
    auto end = std::from_chars(first, first + kWordDigits, word, 16);
    if (end.ptr != first + kWordDigits) return {};
    std::memcpy(bytes + i * sizeof word, &word, sizeof word);
  }
  return IpAddress(digits.size() == kWordDigits ? Family::kIpv4 : Family::kIpv6,
                   bytes);
}

}  // namespace

std::set<IpAddress> connected_peers(std::string_view text, std::size_t limit) {
  std::set<IpAddress> peers;
  while (!text.empty() && peers.size() < limit) {
    std::string_view line = take_until(text, '\n');
    take_word(line);  // its number
    take_word(line);  // this end
    std::string_view remote = take_word(line);
    if (take_word(line) != kEstablished) continue;
    auto address = parse_address(take_until(remote, ':'));
    if (address) peers.insert(address->unmapped());
  }
  return peers;
}

}  // namespace ginnel::names
