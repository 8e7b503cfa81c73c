// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

// The abstract Unix socket by which a process that a later login started hands
// its stdin and stdout to the helper that runs already. Abstract (Linux only),
// so that there is no file to protect and none to leave behind; of
// SOCK_SEQPACKET, so that descriptors come with a message that is whole.
//
//     attach process                       helper
//       its stdin and stdout, "attach" ->
//                                       <- a sentence, when it will have none
//       ends when the helper closes
//
// Each end checks the other's uid before it believes it anything: an abstract
// name has no permissions.
namespace ginnel {

struct Streams {
  UniqueFd input, output;
};

// Non-blocking. `name` is without the zero byte.
Result<UniqueFd> listen_for_streams(std::string_view name);
// Connects, and checks that a process of our own uid listens; waits ten
// seconds at most.
Result<UniqueFd> connect_for_streams(std::string_view name);

// Whether the process at the other end of `socket` is of our own uid.
Result<void> check_own(int socket);

Result<void> send_streams(int socket, int input, int output);
// Exactly two descriptors; whatever else came is closed.
Result<Streams> receive_streams(int socket);

// Why the streams were not taken; cut at kMaxRefusal bytes.
void send_refusal(int socket, std::string_view why);
inline constexpr std::size_t kMaxRefusal = 200;

}  // namespace ginnel
