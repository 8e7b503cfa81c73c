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

// `list` with what this processor does fastest first. With AES instructions
// that is AES-GCM, half as fast again as ChaCha20, and it needs no separate
// MAC; without them ChaCha20, several times as fast as any AES.
std::string preferred_ciphers(std::string_view list, bool has_aes);

// Whether this processor has instructions for AES.
bool processor_has_aes();

}  // namespace ginnel::transport
