// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/nft_batch.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

// After libc's: its headers yield to them, not the other way round.
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>

#include <cassert>
#include <cerrno>
#include <utility>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

// Header and attributes of one message.
constexpr std::size_t kMaxMessage = 66 * 1024;

// An answer takes 36 bytes, and the kernel's book-keeping 1 KiB. There is one
// for each refused message, and a batch has some thousands.
constexpr int kReceiveBuffer = 8 << 20;

// How long the kernel may take for one transaction. 65 536 prefixes take less
// than a second.
constexpr timeval kAnswerLimit{30, 0};

}  // namespace

NftBatch::NftBatch() {
  append([&](char* at) { return nftnl_batch_begin(at, next_sequence_++); });
}

void NftBatch::add(std::string what, std::uint16_t type, std::uint16_t flags,
                   const std::function<void(nlmsghdr*)>& fill) {
  append([&](char* at) {
    nlmsghdr* header =
        nftnl_nlmsg_build_hdr(at, type, NFPROTO_INET, flags, next_sequence_++);
    fill(header);
    return header;
  });
  names_.push_back(std::move(what));
}

void NftBatch::append(const std::function<nlmsghdr*(char*)>& build) {
  last_ = bytes_.size();
  bytes_.resize(last_ + kMaxMessage);
  nlmsghdr* header = build(bytes_.data() + last_);
  assert(header->nlmsg_len <= kMaxMessage);
  bytes_.resize(last_ + NLMSG_ALIGN(header->nlmsg_len));
}

void NftBatch::finish() {
  auto* last = reinterpret_cast<nlmsghdr*>(bytes_.data() + last_);
  last->nlmsg_flags |= NLM_F_ACK;
  acknowledged_ = last->nlmsg_seq;
  append([&](char* at) { return nftnl_batch_end(at, next_sequence_++); });
}

Result<NftBatch::Answer> NftBatch::commit(int netlink) {
  finish();
  Result<void> sent = send(netlink);
  if (!sent) return sent.error();
  return receive(netlink);
}

Result<void> NftBatch::send(int netlink) const {
  // A batch is one packet, so the send buffer must hold all of it.
  int room = static_cast<int>(bytes_.size()) + 64 * 1024;
  ::setsockopt(netlink, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent = ::sendto(netlink, bytes_.data(), bytes_.size(), 0,
                          reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  if (sent < 0) return Error::from_errno(errno, "send rules to the kernel");
  return {};
}

// Reads until the answer to the last message has come, or to the batch as a
// whole, which has the number of its first. Errors come in between.
Result<NftBatch::Answer> NftBatch::receive(int netlink) const {
  Answer answer;
  alignas(nlmsghdr) char buffer[16 * 1024];
  for (;;) {
    ssize_t size = ::recv(netlink, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error::from_errno(errno, "hear from the kernel");
    int left = static_cast<int>(size);
    auto* header = reinterpret_cast<nlmsghdr*>(buffer);
    for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
      if (header->nlmsg_type != NLMSG_ERROR) continue;
      auto* about = static_cast<nlmsgerr*>(mnl_nlmsg_get_payload(header));
      std::uint32_t sequence = header->nlmsg_seq;
      if (about->error != 0 && answer.error == 0) {
        answer = {-about->error, sequence};
      }
      if (sequence == kFirst - 1 || sequence == acknowledged_) return answer;
    }
  }
}

std::string NftBatch::name(std::uint32_t sequence) const {
  std::uint32_t index = sequence - kFirst;
  return index < names_.size() ? names_[index] : "the transaction";
}

Result<UniqueFd> open_netfilter_socket() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd) return Error::from_errno(errno, "open netfilter's netlink socket");
  // Errors need not quote the message they are about: it may have 64 KiB.
  int on = 1;
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer,
               sizeof kReceiveBuffer);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerLimit,
               sizeof kAnswerLimit);
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&self), sizeof self) < 0) {
    return Error::from_errno(errno, "bind netfilter's netlink socket");
  }
  return fd;
}

}  // namespace ginnel::firewall
