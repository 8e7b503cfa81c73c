// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "names/messages.h"
#include "resolve/wide_inquiry.h"

namespace ginnel {

// Finds the addresses of a host name as a program on this machine would:
//
//   1. its hosts file,
//   2. its name servers, A and AAAA at once, for the name as it is and with the
//      domains of resolv.conf's search list, in the order that `ndots` says; a
//      dot at the end means as it is only,
//   3. its links, for a name under ".local" that those do not know (see
//      WideInquiry).
//
// The first of these that has addresses counts.
class HostLookUp : public std::enable_shared_from_this<HostLookUp> {
 public:
  // How long what the hosts file says holds, and a failure that does not say.
  static constexpr std::chrono::seconds kDefaultTime{30};
  static constexpr std::chrono::seconds kLongest{24 * 3600};

  using Done = std::function<void(names::Addresses found)>;

  // `done` is called once, not before this returns, and not at all once the
  // look-up is destroyed.
  // REQUIRES: is_host_name(name).
  static std::shared_ptr<HostLookUp> start(asio::any_io_executor executor,
                                           std::string name, Done done);

  HostLookUp(asio::any_io_executor executor, Done done);

 private:
  void choose(std::string name);
  void ask_next();
  void ask(const std::string& name, std::uint16_t type);
  void answered(Bytes answer);
  void finish(names::Addresses::Status status);

  asio::any_io_executor executor_;
  Done done_;
  std::deque<std::string> candidates_;  // names yet to be tried
  std::vector<std::shared_ptr<WideInquiry>> inquiries_;  // about one of them
  std::size_t answers_ = 0;
  bool no_answer_ = false;  // some name server could not say
  bool silence_ = false;    // or none said anything
  std::chrono::seconds least_ = kLongest;
  names::Addresses found_;
};

}  // namespace ginnel
