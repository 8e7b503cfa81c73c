// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/dns/dns.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "names/dns_name.h"
#include "resolve/resolver.h"

namespace ginnel {
namespace {

// Between two looks at resolv.conf.
constexpr auto kInterval = std::chrono::seconds(2);

// A free UDP port may be taken for TCP.
constexpr int kPortTries = 16;

// As names of messages are compared.
std::vector<std::string> lower(std::vector<std::string> names) {
  for (std::string& name : names) name = dns::lower_case(name);
  return names;
}

std::vector<Endpoint> far_servers(const Options& options) {
  if (!options.far_server) return {};
  return {*options.far_server};
}

}  // namespace

Dns::Dns(asio::any_io_executor executor, const Options& options,
         const Capture& capture, FirewallProxy& firewall, RuleKeeper& rules,
         mux::Session& session, LookUps::Hooks hooks)
    : executor_(executor),
      options_(options),
      capture_(capture),
      firewall_(firewall),
      rules_(rules),
      look_ups_(session, far_servers(options), lower(options.dns_domains),
                [&] {
                  hooks.elsewhere = [this](LookUps::Query query,
                                           const Endpoint& server,
                                           LookUps::Done done) {
                    return ask_elsewhere(std::move(query), server,
                                         std::move(done));
                  };
                  return std::move(hooks);
                }()),
      next_look_(executor) {
  // Whatever this process asks of its own must not come back to it.
  Resolver::of(executor).use([this](Family family, int type) {
    auto kind = type == SOCK_DGRAM ? firewall::SocketKind::kUdp
                                   : firewall::SocketKind::kTcp;
    Result<UniqueFd> socket = firewall_.marked_socket(family, kind);
    if (!socket) return UniqueFd();
    ::fcntl(socket->get(), F_SETFL,
            ::fcntl(socket->get(), F_GETFL) | O_NONBLOCK);
    return *std::move(socket);
  });
}

Dns::~Dns() { close(); }

// Where connections arrive, too; look-ups may be of a family of which nothing
// else is captured.
std::vector<IpAddress> Dns::listener_addresses() const {
  std::vector<IpAddress> addresses;
  for (const Endpoint& listener : capture_.listeners) {
    bool known =
        std::count(addresses.begin(), addresses.end(), listener.address) > 0;
    if (!known) addresses.push_back(listener.address);
  }
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    bool present = std::any_of(addresses.begin(), addresses.end(),
                               [family](const IpAddress& address) {
                                 return address.family() == family;
                               });
    if (!present && (options_.ipv6 || family == Family::kIpv4)) {
      addresses.push_back(IpAddress::loopback(family));
    }
  }
  return addresses;
}

Result<void> Dns::listen() {
  for (const IpAddress& address : listener_addresses()) {
    Result<void> listening = listen_at(address);
    if (listening) continue;
    if (address.family() == Family::kIpv4 || endpoints_.empty()) {
      return listening;
    }
    log::warning("look-ups over IPv6 are not captured: ",
                 listening.error().message());
  }
  capture_own_look_ups();
  return {};
}

Result<void> Dns::listen_at(const IpAddress& address) {
  Result<void> listening;
  for (int i = 0; i < kPortTries; ++i) {
    listening = listen_on_same_port(address);
    if (listening) break;
  }
  return listening;
}

// systemd-resolved is told one port, for UDP and TCP.
Result<void> Dns::listen_on_same_port(const IpAddress& address) {
  auto udp = firewall_.listen(Endpoint(address, 0), firewall::Purpose::kDnsUdp);
  if (!udp) return udp.error();
  auto tcp = firewall_.listen(udp->endpoint, firewall::Purpose::kDnsTcp);
  if (!tcp) return tcp.error();
  log::debug("look-ups arrive at ", udp->endpoint);
  endpoints_.push_back(udp->endpoint);
  udp_.push_back(std::make_shared<UdpListener>(
      executor_, std::move(udp->socket), udp->endpoint.port, look_ups_,
      [this](const Endpoint& asker, const Endpoint& here) {
        return diverted_from(asker, here);
      }));
  tcp_.push_back(std::make_shared<TcpListener>(
      executor_, std::move(tcp->socket), address.family(), look_ups_));
  return {};
}

void Dns::start() {
  for (auto& listener : udp_) {
    spawn(executor_, "look-ups over UDP", UdpListener::run(listener));
  }
  for (auto& listener : tcp_) {
    spawn(executor_, "look-ups over TCP", TcpListener::run(listener));
  }
  if (!options_.dns_domains.empty()) ask_resolver_to_ask_us();
  spawn(executor_, "resolv.conf", follow_resolv_conf());
}

void Dns::close() {
  if (std::exchange(closed_, true)) return;
  for (auto& listener : udp_) listener->close();
  for (auto& listener : tcp_) listener->close();
  next_look_.cancel();
  inquiries_.clear();
  Resolver::of(executor_).use(Resolver::SocketMaker());
}

// systemd-resolved then splits the names, and what it asks of other servers is
// none of ours.
void Dns::ask_resolver_to_ask_us() {
  auto ours =
      std::find_if(endpoints_.begin(), endpoints_.end(),
                   [](const Endpoint& at) { return at.address.is_loopback(); });
  if (ours == endpoints_.end()) {
    log::debug(
        "systemd-resolved is not asked to ask us: no listener for "
        "look-ups is on a loopback address");
    return;
  }
  auto told = firewall_.set_resolver(options_.dns_domains, *ours);
  if (told) {
    resolver_asks_us_ = true;
    if (capture_own_look_ups()) install_again();
    return;
  }
  log::info(told.error().message(),
            "; look-ups are captured, and those for other names go on to "
            "where they were going");
}

// Hosts of a LAN know nothing of resolved, whose servers may be theirs too.
bool Dns::capture_own_look_ups() {
  std::vector<IpAddress> servers = options_.name_servers;
  if (servers.empty()) {
    servers = own_.addresses(resolver_asks_us_ && !takes_forwarded());
  }
  if (!options_.ipv6) {
    std::erase_if(servers, [](const IpAddress& address) {
      return address.family() == Family::kIpv6;
    });
  }
  if (!rules_.set_name_servers(servers)) return false;
  for (const IpAddress& server : servers) {
    log::debug("look-ups to ", server, " are captured");
  }
  return true;
}

bool Dns::takes_forwarded() const {
  return std::any_of(
      capture_.listeners.begin(), capture_.listeners.end(),
      [](const Endpoint& at) { return !at.address.is_loopback(); });
}

awaitable<void> Dns::follow_resolv_conf() {
  while (!closed_) {
    next_look_.expires_after(kInterval);
    co_await next_look_.async_wait(asio::use_awaitable);
    if (capture_own_look_ups()) install_due_ = true;
    if (install_due_) install_again();
  }
}

// Said once, however often it is tried.
void Dns::install_again() {
  auto installed = rules_.install();
  install_due_ = !installed;
  std::string failure = installed ? "" : installed.error().message();
  if (failure == std::exchange(failure_, failure) || failure.empty()) return;
  log::warning("the captured name servers stay as they were for now: ",
               failure);
}

bool Dns::ask_elsewhere(LookUps::Query query, const Endpoint& server,
                        LookUps::Done done) {
  auto way = query.over_tcp ? Inquiry::Way::kTcp : Inquiry::Way::kUdp;
  auto at = inquiries_.insert(inquiries_.end(), nullptr);
  *at = Inquiry::start(
      executor_, std::move(query.message), way,
      {NameServer(server, own_.zone_of(server.address))},
      [this, at, done = std::move(done)](std::vector<std::byte> answer) {
        inquiries_.erase(at);
        done(std::move(answer));
      });
  if (*at) return true;
  inquiries_.erase(at);
  return false;
}

std::optional<Endpoint> Dns::diverted_from(const Endpoint& asker,
                                           const Endpoint& here) {
  auto was = firewall_.diverted_from(asker, here);
  if (!was) return std::nullopt;
  return *was;
}

}  // namespace ginnel
