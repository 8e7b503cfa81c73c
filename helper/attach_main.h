// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

namespace ginnel {

inline constexpr const char* kAttachFlag = "--attach";

// `ginnel-helper --attach NAME`, which a later login starts: hands its stdin
// and stdout to the helper that listens on that abstract Unix socket, and
// stays until that closes the socket, since sshd ends a channel with its
// command. Reads nothing of stdin itself. The exit status: 1, with a sentence
// on stderr, when the helper could not be had or would not have it.
int attach_main(std::string_view name);

}  // namespace ginnel
