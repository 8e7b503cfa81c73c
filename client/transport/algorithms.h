// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ginnel::transport {

// SSH's lists of algorithms: names separated by commas, best first (pure).

// `configured` with the algorithms of the host keys on file (`known`: key
// types) first, as ssh does, so that a server with several keys shows one that
// we know.
std::string preferred_host_key_algorithms(
    std::string_view configured, const std::vector<std::string>& known);

// `list` with AES-GCM first: on processors with AES instructions it is a third
// faster than ChaCha20, and it needs no separate MAC.
std::string preferred_ciphers(std::string_view list);

}  // namespace ginnel::transport
