// SPDX-License-Identifier: GPL-3.0-or-later
// Names that neighbours say they have by NetBIOS (node status, RFC 1002 section
// 4.2.17), and the masters of the links' workgroups, who are found by
// broadcast: Windows hosts, Samba, printers and disks. IPv4 only, as NetBIOS
// is.
//
// Five packets of 50 bytes a second at most. A host is asked twice, two seconds
// apart, each time it is due by the survey (a quarter of an hour); every
// quarter of an hour each link hears one broadcast for all masters and one for
// each workgroup, eight at most. Answers count from the host that was asked, or
// from the link on which a broadcast went out.
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "helper/services/name_finder.h"
#include "names/netbios.h"
#include "resolve/alarm.h"
#include "resolve/links.h"
#include "resolve/multicast_socket.h"
#include "resolve/resolver.h"

namespace ginnel {
namespace {

using std::chrono::steady_clock;

constexpr auto kSource = names::Source::kNetBios;
constexpr auto kPace = std::chrono::milliseconds(200);
constexpr auto kBrowse = std::chrono::minutes(15);
constexpr auto kSecondTry = std::chrono::seconds(2);
// What was not said again for so long is gone.
constexpr auto kHolds = std::chrono::hours(1);
constexpr std::size_t kMaxHosts = 512;
constexpr std::size_t kMaxWorkgroups = 8;

class NetbiosFinder : public NameFinder, private MulticastSocket::Owner {
 public:
  NetbiosFinder(const asio::any_io_executor& executor, NameFinder::Owner& owner)
      : owner_(owner),
        id_(Resolver::of(executor).random_id()),
        socket_(MulticastSocket::open(executor, Family::kIpv4, *this)),
        browse_(executor, [this] { browse(); }),
        alarm_(executor, [this] { send_next(); }) {
    browse();
  }

  void neighbours(const std::vector<IpAddress>& addresses) override {
    for (const IpAddress& address : addresses) ask(address);
  }

 private:
  struct Host {
    int tries = 0;  // yet to be made
    steady_clock::time_point next_try{};
    steady_clock::time_point heard{};
    std::string name;  // empty: none told
  };
  struct Broadcast {
    std::string name;
    std::uint8_t suffix;
    Link::Address link;
    unsigned index;
  };

  void ask(const IpAddress& address);
  void browse();
  void broadcast(const std::string& name, std::uint8_t suffix);
  void forget_old();
  void wake(steady_clock::time_point time);
  void send_next();
  void datagram(const MulticastSocket::Datagram& datagram) override;
  void take(const IpAddress& from, const netbios::Answer& answer);

  NameFinder::Owner& owner_;
  const std::uint16_t id_;
  std::unique_ptr<MulticastSocket> socket_;  // null: none to be had
  std::vector<Link> links_;
  std::deque<Broadcast> broadcasts_;
  std::set<std::string> workgroups_;  // asked for in this round
  std::map<IpAddress, Host> hosts_;
  Alarm browse_, alarm_;
  steady_clock::time_point wakes_ = steady_clock::time_point::max();
  steady_clock::time_point not_before_{};  // the next packet
};

void NetbiosFinder::ask(const IpAddress& address) {
  if (address.family() != Family::kIpv4) return;
  if (hosts_.size() >= kMaxHosts && !hosts_.contains(address)) return;
  Host& host = hosts_[address];
  if (host.tries > 0) return;
  host.tries = 2;
  host.next_try = steady_clock::now();
  wake(host.next_try);
}

void NetbiosFinder::browse() {
  browse_.set_in(kBrowse);
  forget_old();
  links_ = links();
  workgroups_.clear();
  broadcasts_.clear();
  broadcast(std::string(netbios::kEveryMaster),
            netbios::suffix::kBrowseMasters);
}

void NetbiosFinder::broadcast(const std::string& name, std::uint8_t suffix) {
  for (const Link& link : links_) {
    for (const Link::Address& address : link.addresses) {
      if (address.broadcast.is_any()) continue;
      broadcasts_.push_back({name, suffix, address, link.index});
    }
  }
  wake(steady_clock::now());
}

void NetbiosFinder::forget_old() {
  auto now = steady_clock::now();
  for (auto at = hosts_.begin(); at != hosts_.end();) {
    auto host = at++;
    if (host->second.tries > 0 || host->second.heard + kHolds > now) continue;
    if (!host->second.name.empty()) {
      owner_.gone(kSource, host->first, host->second.name);
    }
    hosts_.erase(host);
  }
}

void NetbiosFinder::wake(steady_clock::time_point time) {
  time = std::max(time, not_before_);
  if (time >= wakes_ || !socket_) return;
  wakes_ = time;
  alarm_.set(time);
}

void NetbiosFinder::send_next() {
  auto now = steady_clock::now();
  wakes_ = steady_clock::time_point::max();
  not_before_ = now + kPace;
  if (!broadcasts_.empty()) {
    Broadcast next = std::move(broadcasts_.front());
    broadcasts_.pop_front();
    socket_->send(netbios::name_query(id_, next.name, next.suffix),
                  Endpoint(next.link.broadcast, netbios::kPort), next.index);
    return wake(now);
  }
  auto soonest = steady_clock::time_point::max();
  bool sent = false;
  for (auto& [address, host] : hosts_) {
    if (host.tries == 0) continue;
    if (!sent && host.next_try <= now) {
      socket_->send(netbios::status_query(id_),
                    Endpoint(address, netbios::kPort), 0);
      sent = true;
      host.next_try = now + kSecondTry;
      if (--host.tries == 0) continue;
    }
    soonest = std::min(soonest, host.next_try);
  }
  if (soonest != steady_clock::time_point::max()) wake(soonest);
}

void NetbiosFinder::datagram(const MulticastSocket::Datagram& datagram) {
  const IpAddress& from = datagram.from.address;
  auto answer = netbios::parse_answer(datagram.bytes);
  if (!answer || answer->id != id_ || datagram.from.port != netbios::kPort) {
    return;
  }
  if (answer->status) return take(from, *answer);
  // A master of a workgroup: it is asked for its own names.
  const Link* link = find_link(links_, datagram.link);
  if (link && link->is_local(from)) ask(from);
}

void NetbiosFinder::take(const IpAddress& from, const netbios::Answer& answer) {
  auto known = hosts_.find(from);
  if (known == hosts_.end()) return;
  Host& host = known->second;
  host.tries = 0;
  host.heard = steady_clock::now();
  std::string name = netbios::host_name(answer).value_or(std::string());
  if (host.name != name) {
    if (!host.name.empty()) owner_.gone(kSource, from, host.name);
    if (!name.empty()) owner_.found(kSource, from, name);
    host.name = std::move(name);
  }
  auto workgroup = netbios::workgroup(answer);
  if (workgroup && workgroups_.size() < kMaxWorkgroups &&
      workgroups_.insert(*workgroup).second) {
    broadcast(*workgroup, netbios::suffix::kMasterBrowser);
  }
}

}  // namespace

std::unique_ptr<NameFinder> discover_netbios(
    const asio::any_io_executor& executor, NameFinder::Owner& owner) {
  return std::make_unique<NetbiosFinder>(executor, owner);
}

}  // namespace ginnel
