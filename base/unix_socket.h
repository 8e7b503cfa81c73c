// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

// Whole messages, with descriptors, over SOCK_SEQPACKET Unix sockets: the
// kernel keeps the borders between them, and a reader learns of a message that
// is too long instead of reading half of it. The sockets block unless their
// maker says otherwise; all are CLOEXEC.
namespace ginnel {

// Two ends of one connection.
Result<std::pair<UniqueFd, UniqueFd>> seqpacket_pair();

// A socket that listens at `path`, which must not exist yet.
Result<UniqueFd> listen_seqpacket(const std::string& path);
Result<UniqueFd> connect_seqpacket(const std::string& path);

// Sends one message, and a copy of the descriptor `passed` unless it is -1.
// REQUIRES: !message.empty(), which would look like the end.
Result<void> send_message(int socket, Bytes message, int passed = -1);

struct Message {
  std::vector<std::byte> bytes;
  UniqueFd passed;  // what came along, if anything
};

enum class Passing { kRefuse, kAccept };

// The next message; nothing when the peer has closed. An error for one longer
// than `limit` bytes, with a descriptor that was not to come, or with more
// than one. A socket whose peer vanished with our message unread counts as
// closed.
Result<std::optional<Message>> receive_message(int socket, std::size_t limit,
                                               Passing passing);

}  // namespace ginnel
