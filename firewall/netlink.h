// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

struct nlmsghdr;

// Asking the kernel for its lists of connections and sockets, and taking
// things off them: what conntrack.h and tcp_sockets.h share. (nf_tables wants
// all its messages in one transaction: nft_batch.h.)
namespace ginnel::firewall {

using Deadline = std::chrono::steady_clock::time_point;

// Requests that do not depend on each other.
class NetlinkMessages {
 public:
  // What `fill` may put after the header.
  static constexpr std::size_t kMaxPayload = 1024;

  void add(std::uint16_t type, const std::function<void(nlmsghdr*)>& fill);

  Bytes view() const { return bytes_; }
  MutableBytes view() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

// A socket to one netlink family, for calls that are all to be done by one
// deadline.
class NetlinkSocket {
 public:
  static Result<NetlinkSocket> open(int protocol, Deadline deadline);

  // Sends `request`, one message that asks for a list, and shows each message
  // of the list to `each`: header and all, of the length the header says. What
  // is in it, `each` has to check.
  Result<void> list(NetlinkMessages request,
                    const std::function<void(Bytes)>& each);

  // Sends `request`, one message that asks for one thing, and returns the
  // message that tells of it, as list() shows them; nothing when there is no
  // such thing (ENOENT).
  Result<std::optional<std::vector<std::byte>>> get(NetlinkMessages request);

  // Sends all of `messages` and waits until the kernel has carried them out.
  // What a message is about may be gone already (ENOENT). Other refusals do
  // not keep the rest from being carried out; the first is the error.
  Result<void> apply(NetlinkMessages messages);

 private:
  NetlinkSocket(UniqueFd fd, Deadline deadline);

  Result<void> send(Bytes packet);
  // The next packet from the kernel; it stands in buffer_.
  Result<MutableBytes> receive();
  // Numbers the messages of `packet`, sends it and reads the answers. Puts
  // the first refusal into `outcome`; an error is for the socket.
  Result<void> apply(MutableBytes packet, Result<void>& outcome);

  UniqueFd fd_;
  Deadline deadline_;
  std::uint32_t sequence_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace ginnel::firewall
