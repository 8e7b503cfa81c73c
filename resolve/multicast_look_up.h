// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "names/dns_message.h"
#include "resolve/links.h"
#include "resolve/multicast_socket.h"

namespace ginnel {

// One question to the links of this machine by multicast DNS (RFC 6762), as
// asked by who is no full participant: from a port of its own, so that answers
// come to it alone (section 6.7), and nothing that runs here at port 5353 is
// disturbed. Asked again once, after a second; what has not come by two seconds
// and a half does not come. Answers count only from the link on which they
// arrive (section 11).
//
// A question for A or AAAA asks for both: a host that has only the other kind
// says nothing to the one, and whoever asked would wait in vain. Its answers
// are gathered for 100 ms from the first one on, since a host with several
// links, or several hosts, may answer.
class MulticastLookUp : public std::enable_shared_from_this<MulticastLookUp>,
                        private MulticastSocket::Owner {
 public:
  static constexpr auto kAgain = std::chrono::seconds(1);
  static constexpr auto kLimit = std::chrono::milliseconds(2500);
  static constexpr auto kGather = std::chrono::milliseconds(100);
  // A host may say another for each.
  static constexpr std::size_t kMaxAddresses = 16;
  // At once, in the whole program; more are turned away.
  static constexpr int kMaxAtOnce = 64;

  // Like Inquiry's: the answer with the query's own id; empty when nobody on
  // the links knows, which of multicast DNS is only known by waiting.
  using Done = std::function<void(std::vector<std::byte> answer)>;

  // `done` is called once, not before this returns, and not at all once the
  // look-up is destroyed. Null when there are too many already, or no links.
  // REQUIRES: dns::is_query(query).
  static std::shared_ptr<MulticastLookUp> start(
      const asio::any_io_executor& executor, std::vector<std::byte> query,
      Done done);

  // Whether a name is to be asked for in this way: it ends in ".local". (Text
  // of dns_name.h.)
  static bool is_for(std::string_view name);

  MulticastLookUp(const asio::any_io_executor& executor, dns::Question question,
                  std::vector<std::byte> query, std::vector<Link> links,
                  Done done);
  ~MulticastLookUp();

 private:
  void datagram(const MulticastSocket::Datagram& datagram) override;
  void ask();
  void wait_until(std::chrono::steady_clock::time_point time);
  void time_is_up();
  void finish(std::vector<std::byte> answer);
  bool wants_address() const;
  void gather(Bytes answer);

  asio::steady_timer timer_;
  const std::chrono::steady_clock::time_point began_;
  std::vector<std::byte> query_;
  dns::Question question_;
  std::uint16_t id_;  // of what is sent
  std::vector<Link> links_;
  Done done_;
  std::vector<std::unique_ptr<MulticastSocket>> sockets_;

  bool asked_again_ = false;
  bool heard_ = false;
  std::set<IpAddress> addresses_;  // of the family that is asked for
  std::uint32_t ttl_ = 10;         // section 6.7: no more than that
};

}  // namespace ginnel
