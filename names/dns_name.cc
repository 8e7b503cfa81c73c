// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/dns_name.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/strings.h"

namespace ginnel::dns {
namespace {

constexpr unsigned kPointer = 0xc0;  // the top bits of a length that is none
// Where the first name of a message begins, behind the header.
constexpr std::size_t kFirstName = 12;
// More than a name has labels lead nowhere new.
constexpr int kMaxPointers = 128;

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32)
                                        : letter;
}

void append_escaped(std::string& text, std::string_view label) {
  if (!text.empty()) text += '.';
  for (char byte : label) {
    auto value = static_cast<unsigned char>(byte);
    if (byte == '.' || byte == '\\') {
      text += '\\';
      text += byte;
    } else if (value > ' ' && value < 0x7f) {
      text += lower(byte);
    } else {
      text += '\\';
      text += static_cast<char>('0' + value / 100);
      text += static_cast<char>('0' + value / 10 % 10);
      text += static_cast<char>('0' + value % 10);
    }
  }
}

// Calls `take` with each label of the name; where the name ends.
template <typename Take>
std::optional<std::size_t> walk(Bytes message, std::size_t offset, Take take) {
  std::size_t end = 0;
  std::size_t length = 1;
  int pointers = 0;
  while (offset < message.size()) {
    unsigned size = std::to_integer<unsigned>(message[offset]);
    if ((size & kPointer) == kPointer) {
      if (offset + 1 >= message.size() || ++pointers > kMaxPointers) return {};
      std::size_t to =
          load_be<std::uint16_t>(message.data() + offset) & 0x3fffu;
      if (end == 0) end = offset + 2;
      if (to >= offset || to < kFirstName) return {};
      offset = to;
      continue;
    }
    if (size > kMaxLabel) return {};
    if (size == 0) return end == 0 ? offset + 1 : end;
    length += size + 1;
    if (length > kMaxWireName || offset + 1 + size > message.size()) return {};
    take(as_text(message.subspan(offset + 1, size)));
    offset += size + 1;
  }
  return {};
}

// The bytes of the next label of `text`, which they and the dot behind them are
// cut off. Nothing for a bad escape.
std::optional<std::string> take_label(std::string_view& text) {
  std::string label;
  while (!text.empty() && text[0] != '.') {
    char byte = text[0];
    text.remove_prefix(1);
    if (byte == '\\') {
      if (text.empty()) return {};
      auto digit = [&](std::size_t i) {
        return i < text.size() && text[i] >= '0' && text[i] <= '9'
                   ? text[i] - '0'
                   : -1;
      };
      byte = text[0];
      std::size_t used = 1;
      if (digit(0) >= 0) {
        int value = digit(0) * 100 + digit(1) * 10 + digit(2);
        if (digit(1) < 0 || digit(2) < 0 || value > 255) return {};
        byte = static_cast<char>(value);
        used = 3;
      }
      text.remove_prefix(used);
    }
    label += byte;
  }
  if (!text.empty()) text.remove_prefix(1);
  return label;
}

std::vector<std::string_view> labels_of(std::string_view name) {
  std::vector<std::string_view> labels;
  for (std::size_t dot; (dot = name.find('.')) != std::string_view::npos;) {
    labels.push_back(name.substr(0, dot));
    name.remove_prefix(dot + 1);
  }
  labels.push_back(name);
  return labels;
}

constexpr std::string_view kHex = "0123456789abcdef";

}  // namespace

bool is_below(std::string_view name, std::string_view domain) {
  if (!name.ends_with(domain)) return false;
  name.remove_suffix(domain.size());
  return name.size() > 1 && name.ends_with('.');
}

std::string lower_case(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
  return lowered;
}

std::optional<ReadName> read_name(Bytes message, std::size_t offset) {
  ReadName name;
  auto end = walk(message, offset, [&](std::string_view label) {
    append_escaped(name.text, label);
  });
  if (!end) return {};
  name.end = *end;
  return name;
}

std::optional<std::size_t> end_of_name(Bytes message, std::size_t offset) {
  return walk(message, offset, [](std::string_view) {});
}

bool write_name(ByteWriter& writer, std::string_view text) {
  if (text == ".") text = {};
  ByteWriter name;
  while (!text.empty()) {
    auto label = take_label(text);
    if (!label || label->empty() || label->size() > kMaxLabel) return false;
    name.u8(static_cast<std::uint8_t>(label->size()));
    name.text(*label);
    if (name.size() + 1 > kMaxWireName) return false;
  }
  name.u8(0);
  writer.bytes(name.view());
  return true;
}

std::string reverse_name(const IpAddress& address) {
  std::string name;
  for (std::size_t i = address.size(); i-- > 0;) {
    unsigned byte = address.data()[i];
    if (address.family() == Family::kIpv4) {
      name += concat(byte, '.');
    } else {
      name += concat(kHex[byte & 15], '.', kHex[byte >> 4], '.');
    }
  }
  return name +
         (address.family() == Family::kIpv4 ? "in-addr.arpa" : "ip6.arpa");
}

std::optional<IpAddress> reverse_address(std::string_view name) {
  auto labels = labels_of(name);
  std::array<std::uint8_t, 16> bytes{};
  if (labels.size() == 6 && name.ends_with(".in-addr.arpa")) {
    for (std::size_t i = 0; i < 4; ++i) {
      unsigned value = 0;
      for (char digit : labels[3 - i]) {
        if (digit < '0' || digit > '9') return {};
        value = value * 10 + static_cast<unsigned>(digit - '0');
        if (value > 255) return {};
      }
      bytes[i] = static_cast<std::uint8_t>(value);
    }
    IpAddress address(Family::kIpv4, bytes.data());
    if (reverse_name(address) != name) return {};
    return address;
  }
  if (labels.size() != 34 || !name.ends_with(".ip6.arpa")) return {};
  for (std::size_t i = 0; i < 32; ++i) {
    std::size_t digit =
        labels[31 - i].size() == 1 ? kHex.find(labels[31 - i]) : kHex.npos;
    if (digit == kHex.npos) return {};
    bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] << 4 | digit);
  }
  return IpAddress(Family::kIpv6, bytes.data());
}

}  // namespace ginnel::dns
