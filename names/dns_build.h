// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/net_types.h"
#include "names/dns_message.h"

// DNS messages of ginnel's own. Pure.
namespace ginnel::dns {

// What ginnel offers to take over UDP: fits every path's packets (the figure
// of DNS flag day 2020).
inline constexpr std::uint16_t kOwnUdpSize = 1232;

// A question for a name server that resolves. Nothing when `name` cannot be in
// a message. `take` is the size of a UDP answer that is welcome.
std::optional<std::vector<std::byte>> make_query(
    std::uint16_t id, std::string_view name, std::uint16_t type,
    std::uint16_t take = kOwnUdpSize);

// The other functions answer a `query` for which is_query() holds, with its
// id, question (as it was sent) and, where it has one, an OPT record.

// The name exists and has `addresses`: those of the family that is asked for
// (A, AAAA, or ANY), each for `lasts`; no records for any other question.
std::vector<std::byte> reply_with_addresses(
    Bytes query, std::span<const IpAddress> addresses,
    std::chrono::seconds lasts);

// To a PTR question. REQUIRES: `host` can be in a message.
std::vector<std::byte> reply_with_name(Bytes query, std::string_view host,
                                       std::chrono::seconds lasts);

// Also for what is not a query but has a header; empty when it has none.
std::vector<std::byte> error_reply(Bytes query, Rcode why);

// FORMERR with the id and nothing else, at no cost however long the query is;
// empty when it has no header.
std::vector<std::byte> format_error(Bytes query);

// `answer` as it is when it fits into `size` bytes, else with TC set and no
// records but OPT, so that the asker comes again over TCP (RFC 2181 section 9).
std::vector<std::byte> truncated(Bytes answer, std::size_t size);

// REQUIRES: there is a header.
void set_id(MutableBytes message, std::uint16_t id);

}  // namespace ginnel::dns
