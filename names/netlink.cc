// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/netlink.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

#include "names/netlink_bytes.h"

namespace ginnel::netlink {
namespace {

// How messages and attributes are aligned.
std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

// What follows a piece of `size` bytes and its padding, of which the last may
// have none.
Bytes behind(Bytes bytes, std::size_t size) {
  return bytes.subspan(std::min(aligned(size), bytes.size()));
}

// The errno that an NLMSG_ERROR, or an NLMSG_DONE that has one, carries.
int error_of(const Message& message) {
  std::int32_t error = 0;
  if (!load(message.body, error) || error >= 0) return 0;
  return error == INT32_MIN ? EIO : -error;
}

}  // namespace

std::optional<Message> Messages::next() {
  nlmsghdr header;
  if (!load(rest_, header) || header.nlmsg_len < sizeof header ||
      header.nlmsg_len > rest_.size()) {
    return {};
  }
  Message message;
  message.type = header.nlmsg_type;
  message.flags = header.nlmsg_flags;
  message.sequence = header.nlmsg_seq;
  message.body = rest_.first(header.nlmsg_len).subspan(aligned(sizeof header));
  rest_ = behind(rest_, header.nlmsg_len);
  return message;
}

std::optional<Attribute> Attributes::next() {
  nlattr header;
  if (!load(rest_, header) || header.nla_len < sizeof header ||
      header.nla_len > rest_.size()) {
    return {};
  }
  Attribute attribute;
  attribute.type = header.nla_type & NLA_TYPE_MASK;
  attribute.value = rest_.first(header.nla_len).subspan(sizeof header);
  rest_ = behind(rest_, header.nla_len);
  return attribute;
}

Result<DumpProgress> read_dump(
    Bytes datagram, std::uint32_t sequence,
    const std::function<void(const Message&)>& each) {
  DumpProgress progress;
  Messages messages(datagram);
  while (auto message = messages.next()) {
    if (message->sequence != sequence) continue;
    if (message->flags & NLM_F_DUMP_INTR) progress.interrupted = true;
    bool error = message->type == NLMSG_ERROR;
    if (error || message->type == NLMSG_DONE) {
      progress.done = true;
      int why = error_of(*message);
      if (why != 0 && why != ENOENT) {
        return Error::from_errno(why, "the kernel's list");
      }
    } else {
      each(*message);
    }
  }
  return progress;
}

}  // namespace ginnel::netlink
