// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/net_types.h"

// The NetBIOS name service (RFC 1002 section 4.2), as far as it tells what
// hosts are called. Pure.
namespace ginnel::netbios {

inline constexpr std::uint16_t kPort = 137;
// Of a node status answer; a packet has room for some 250 bytes of names.
inline constexpr std::size_t kMaxNames = 64;

// The last of a name's sixteen bytes: what it is.
namespace suffix {
inline constexpr std::uint8_t kWorkstation = 0x00;  // of a group: a workgroup
inline constexpr std::uint8_t kServer = 0x20;
inline constexpr std::uint8_t kMasterBrowser = 0x1d;
inline constexpr std::uint8_t kBrowseMasters = 0x01;
}  // namespace suffix

// Answered by all masters of workgroups.
inline constexpr std::string_view kEveryMaster = "\1\2__MSBROWSE__\2";

// Asks a host for its table of names (section 4.2.17).
std::vector<std::byte> status_query(std::uint16_t id);
// Asks everybody who has a name (section 4.2.12), by broadcast. `name` is cut
// at 15 bytes.
std::vector<std::byte> name_query(std::uint16_t id, std::string_view name,
                                  std::uint8_t suffix);

struct Name {
  std::string text;  // as it is said, without the spaces at the end
  std::uint8_t suffix = 0;
  bool group = false;
};
struct Answer {
  std::uint16_t id = 0;
  bool status = false;      // of a status_query(), with its names
  std::vector<Name> names;  // kMaxNames at most
};
// A positive answer to a query of either kind; nothing for anything else.
std::optional<Answer> parse_answer(Bytes message);

// What the host is called, in lower case: its server's or workstation's unique
// name. Nothing when that cannot be a host's name.
std::optional<std::string> host_name(const Answer& answer);
// Its workgroup, as it is said.
std::optional<std::string> workgroup(const Answer& answer);

}  // namespace ginnel::netbios
