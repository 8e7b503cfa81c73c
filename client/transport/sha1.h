// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace ginnel::transport {

// What the hashed host names of known_hosts are made of ("|1|salt|hash", both
// base64). SHA-1 hides names from a casual reader there; nothing else rests on
// it.
using Sha1Digest = std::array<std::byte, 20>;

Sha1Digest sha1(Bytes message);
Sha1Digest hmac_sha1(Bytes key, Bytes message);

std::string base64_encode(Bytes bytes);
// Nothing when `text` is not whole, padded base64.
std::optional<std::vector<std::byte>> base64_decode(std::string_view text);

}  // namespace ginnel::transport
