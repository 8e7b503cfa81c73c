// SPDX-License-Identifier: GPL-3.0-or-later
// Hosts that are found by multicast DNS and DNS-SD; mdns::Browser says what is
// asked how often. It is sent over each link (16 at most), by IPv4 and by IPv6
// where the link has it: two packets a second and link at most, when there is
// that much to ask, and a few an hour when all is known. What is heard counts
// only from hosts on the link it came by (RFC 6762 section 11), and no more
// than 200 messages a second do: the rest of a flood is thrown away unread.
#include <algorithm>
#include <map>
#include <utility>

#include "base/log.h"
#include "helper/services/name_finder.h"
#include "names/mdns_browser.h"
#include "resolve/alarm.h"
#include "resolve/links.h"
#include "resolve/multicast_socket.h"
#include "resolve/resolver.h"

namespace ginnel {
namespace {

using std::chrono::steady_clock;

constexpr auto kSource = names::Source::kMulticastDns;
// How often the interfaces are looked at.
constexpr auto kLook = std::chrono::seconds(60);
constexpr int kMaxHeard = 200;

class MdnsFinder : public NameFinder, private MulticastSocket::Owner {
 public:
  MdnsFinder(const asio::any_io_executor& executor, NameFinder::Owner& owner)
      : executor_(executor),
        owner_(owner),
        browser_(
            first_query(executor),
            [this](bool gone, const std::string& name,
                   const IpAddress& address) { tell(gone, name, address); }),
        look_(executor, [this] { look(); }),
        alarm_(executor, [this] { turn(); }) {
    look();
  }

  void neighbours(const std::vector<IpAddress>& addresses) override {
    for (const IpAddress& address : addresses) {
      browser_.who_has(address, steady_clock::now());
    }
    alarm_.set(browser_.next_time());
  }

 private:
  // After 20 to 120 ms, drawn at random: others may have started with us
  // (section 5.2).
  static steady_clock::time_point first_query(
      const asio::any_io_executor& executor) {
    int wait = 20 + Resolver::of(executor).random_id() % 100;
    return steady_clock::now() + std::chrono::milliseconds(wait);
  }

  void tell(bool gone, const std::string& name, const IpAddress& address) {
    if (gone) {
      owner_.gone(kSource, address, name);
    } else {
      owner_.found(kSource, address, name);
    }
  }
  void datagram(const MulticastSocket::Datagram& datagram) override;
  bool may_hear(steady_clock::time_point now);
  void look();
  void turn();

  asio::any_io_executor executor_;
  NameFinder::Owner& owner_;
  mdns::Browser browser_;
  std::vector<Link> links_;
  std::map<std::pair<unsigned, Family>, std::unique_ptr<MulticastSocket>>
      sockets_;
  Alarm look_, alarm_;
  steady_clock::time_point second_{};  // in which so many were heard
  int heard_ = 0;
};

// Joins the links that have come, leaves those that are gone.
void MdnsFinder::look() {
  look_.set_in(kLook);
  links_ = links();
  std::erase_if(sockets_, [this](const auto& item) {
    const Link* link = find_link(links_, item.first.first);
    return !link || !link->has(item.first.second);
  });
  for (const Link& link : links_) {
    for (Family family : {Family::kIpv4, Family::kIpv6}) {
      auto& socket = sockets_[{link.index, family}];
      if (!socket && link.has(family)) {
        socket =
            MulticastSocket::join(executor_, mdns::group(family), link, *this);
      }
    }
  }
  std::erase_if(sockets_, [](const auto& item) { return !item.second; });
  alarm_.set(browser_.next_time());
}

void MdnsFinder::turn() {
  auto now = steady_clock::now();
  browser_.tick(now);
  if (auto query = browser_.query(now)) {
    for (const auto& [where, socket] : sockets_) {
      socket->send(*query, mdns::group(where.second), where.first);
    }
  }
  alarm_.set(browser_.next_time());
}

bool MdnsFinder::may_hear(steady_clock::time_point now) {
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    heard_ = 0;
  }
  return ++heard_ <= kMaxHeard;
}

void MdnsFinder::datagram(const MulticastSocket::Datagram& datagram) {
  auto now = steady_clock::now();
  const Link* link = find_link(links_, datagram.link);
  if (datagram.from.port != mdns::kPort || !link ||
      !link->is_local(datagram.from.address) || !may_hear(now)) {
    return;
  }
  browser_.heard(datagram.bytes, datagram.link, now);
  alarm_.set(std::max(browser_.next_time(), now));
}

}  // namespace

std::unique_ptr<NameFinder> discover_mdns(const asio::any_io_executor& executor,
                                          NameFinder::Owner& owner) {
  return std::make_unique<MdnsFinder>(executor, owner);
}

}  // namespace ginnel
