// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

struct nlmsghdr;

// One transaction with nf_tables, and the socket it goes over: the netlink
// half of nft.h, for its files only.
namespace ginnel::firewall {

// Messages that take effect together, or not at all.
class NftBatch {
 public:
  NftBatch();

  // Adds one message about the inet family. `what` names it in errors; `fill`
  // puts its attributes, at most 64 KiB of them.
  void add(std::string what, std::uint16_t type, std::uint16_t flags,
           const std::function<void(nlmsghdr*)>& fill);

  bool empty() const { return names_.empty(); }

  struct Answer {
    int error = 0;               // errno, or 0 when all took effect
    std::uint32_t sequence = 0;  // of the first message refused
  };
  // Sends it all and waits until the kernel has committed or refused it. An
  // Error is for the socket; what nf_tables says is in the Answer. Once only.
  Result<Answer> commit(int netlink);

  // The sequence number of the first message added.
  static constexpr std::uint32_t kFirst = 2;
  // What the message with that sequence number was.
  std::string name(std::uint32_t sequence) const;

 private:
  void append(const std::function<nlmsghdr*(char*)>& build);
  // Ends the batch, and asks for an answer to its last message.
  void finish();
  Result<void> send(int netlink) const;
  Result<Answer> receive(int netlink) const;

  std::vector<char> bytes_;
  std::size_t last_ = 0;  // where the last message starts
  std::uint32_t next_sequence_ = kFirst - 1;
  std::uint32_t acknowledged_ = 0;
  std::vector<std::string> names_;
};

Result<UniqueFd> open_netfilter_socket();

// What libnftnl's alloc functions made; they return null for want of memory.
template <typename T>
T* checked(T* made) {
  if (made == nullptr) throw std::bad_alloc();
  return made;
}

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};

}  // namespace ginnel::firewall
