// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/net_types.h"

// Names as DNS messages carry them (RFC 1035 section 3.1), and as text: labels
// joined by dots, letters in lower case, no dot at the end, the root an empty
// text. A dot or a backslash inside a label is written \. and \\, what is not
// printable ASCII as \DDD in decimal (RFC 4343 section 2.1), so that two names
// are the same exactly when their texts are. Pure.
namespace ginnel::dns {

// Of a name in a message, without compression and with its root.
inline constexpr std::size_t kMaxWireName = 255;
inline constexpr std::size_t kMaxLabel = 63;

struct ReadName {
  std::string text;
  std::size_t end;  // offset of what follows it in the message
};
// The name at `offset` of `message`. Nothing when it is longer than 255 bytes,
// leaves the message, or a pointer does not point backwards, since such a name
// may never end, or points into the header, which is no name.
std::optional<ReadName> read_name(Bytes message, std::size_t offset);
// As read_name(), without the text.
std::optional<std::size_t> end_of_name(Bytes message, std::size_t offset);

// Appends `text`, with or without a dot at its end, as labels, letters as they
// are. False, and nothing appended, for an empty or over-long label or name.
bool write_name(ByteWriter& writer, std::string_view text);

// The letters of ASCII, and no others, in lower case.
std::string lower_case(std::string_view text);

// Whether `name` is below `domain`, both as texts of this file.
bool is_below(std::string_view name, std::string_view domain);

// "1.2.0.192.in-addr.arpa", or the nibbles under "ip6.arpa".
std::string reverse_name(const IpAddress& address);
// The address that such a name, in lower case, is about.
std::optional<IpAddress> reverse_address(std::string_view name);

}  // namespace ginnel::dns
