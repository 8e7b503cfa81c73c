// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <vector>

#include "resolve/inquiry.h"
#include "resolve/multicast_look_up.h"

namespace ginnel {

// An Inquiry that, for a name under ".local" which the name servers do not
// know, asks this machine's links by multicast DNS. The name servers come
// first, since many a site has such a domain of its own; the links are asked
// once those say that they do not know, or have said nothing for 1.5 s.
class WideInquiry : public std::enable_shared_from_this<WideInquiry> {
 public:
  // As Inquiry::start().
  static std::shared_ptr<WideInquiry> start(
      const asio::any_io_executor& executor, std::vector<std::byte> query,
      Inquiry::Way way, std::vector<NameServer> servers, Inquiry::Done done);

  WideInquiry(const asio::any_io_executor& executor,
              std::vector<std::byte> query, Inquiry::Done done);

 private:
  void servers_said(std::vector<std::byte> answer);
  void ask_links_in_time();
  void ask_links();
  void links_said(std::vector<std::byte> answer);
  void finish(std::vector<std::byte> answer);

  asio::steady_timer timer_;
  std::vector<std::byte> query_;
  bool for_links_;
  Inquiry::Done done_;
  std::shared_ptr<Inquiry> inquiry_;  // null when it has ended
  std::shared_ptr<MulticastLookUp> multicast_;
  bool asked_links_ = false;
  std::vector<std::byte> kept_;  // the name servers' answer
};

}  // namespace ginnel
