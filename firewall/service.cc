// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/service.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "firewall/conntrack.h"
#include "firewall/leftovers.h"
#include "firewall/note.h"

namespace ginnel::firewall {
namespace {

using Reply = Service::Reply;

// The kernel cuts it to net.core.somaxconn, 4096 by default.
constexpr int kBacklog = 65535;

// For one look into the kernel's list of connections.
constexpr auto kFindLimit = std::chrono::milliseconds(500);

Reply done() { return {answer::Done{}, {}}; }
Reply failed(const Error& error) {
  return {answer::Failed{error.message()}, {}};
}

Result<UniqueFd> open_socket(Family family, SocketKind kind) {
  int domain = IpAddress::any(family).address_family();
  int type = kind == SocketKind::kTcp ? SOCK_STREAM : SOCK_DGRAM;
  UniqueFd fd(::socket(domain, type | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "make a socket");
  return fd;
}

Result<UniqueFd> open_marked(const request::MarkedSocket& wanted) {
  Result<UniqueFd> fd = open_socket(wanted.family, wanted.kind);
  if (!fd) return fd;
  if (::setsockopt(fd->get(), SOL_SOCKET, SO_MARK, &kLinkMark,
                   sizeof kLinkMark) < 0) {
    return Error::from_errno(errno, "mark a socket");
  }
  return fd;
}

// What makes a TCP socket a listener, once bound, and a UDP socket as good as
// one. UDP's address may not be reused: whoever else did would share it.
bool prepare(int fd, Family family, SocketKind kind) {
  int on = 1;
  bool ipv6 = family == Family::kIpv6;
  if (ipv6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (kind == SocketKind::kTcp) {
    return ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
  }
  return ::fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
         ::setsockopt(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
                      ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on,
                      sizeof on) == 0;
}

Result<UniqueFd> open_listener(const request::Listen& wanted) {
  std::string what = concat("listen on ", wanted.endpoint);
  Family family = wanted.endpoint.address.family();
  SocketKind kind =
      wanted.purpose == Purpose::kDnsUdp ? SocketKind::kUdp : SocketKind::kTcp;
  Result<UniqueFd> fd = open_socket(family, kind);
  if (!fd) return fd.error().in(what);
  SocketAddress address(wanted.endpoint);
  if (!prepare(fd->get(), family, kind) ||
      ::bind(fd->get(), address.get(), address.size) < 0 ||
      (kind == SocketKind::kTcp && ::listen(fd->get(), kBacklog) < 0)) {
    return Error::from_errno(errno, what);
  }
  return fd;
}

// Where it listens. The system's choice of port is checked too: an odd
// net.ipv4.ip_local_port_range may begin below 1024.
Result<Endpoint> bound_endpoint(int listener) {
  SocketAddress address;
  if (::getsockname(listener, address.get(), &address.size) < 0) {
    return Error::from_errno(errno, "ask where a listener is");
  }
  std::optional<Endpoint> endpoint = address.endpoint();
  if (!endpoint || endpoint->port < kFirstListenPort) {
    return Error(
        "the system gave a listener a port below 1024; name one with -l");
  }
  return *endpoint;
}

template <typename Item>
std::vector<Item> sorted(std::vector<Item> items) {
  std::sort(items.begin(), items.end());
  return items;
}

bool listens_for_dns(const std::vector<Listener>& listeners,
                     const Endpoint& endpoint) {
  return std::any_of(listeners.begin(), listeners.end(),
                     [&](const Listener& listener) {
                       return listener.endpoint == endpoint &&
                              listener.purpose == Purpose::kDnsUdp;
                     });
}

// Why the name is not to stand in the hosts file; empty if it may.
std::string refusal(const std::vector<Shape>& captured, const Host& host) {
  if (!is_captured(captured, host.address)) {
    return concat(host.address, ", the address of ", printable(host.name),
                  ", is not captured");
  }
  if (is_this_machine(host.name)) {
    return concat(printable(host.name), " is this machine itself");
  }
  return "";
}

}  // namespace

Service::Service(Guard guard, Ownership ownership)
    : guard_(std::move(guard)), ownership_(ownership) {}

Result<Reply> Service::handle(const Request& request) {
  bool greeting = std::holds_alternative<request::Hello>(request);
  if (greeting == greeted_) {
    return Error("HELLO must be the first request, and only that");
  }
  return std::visit([this](const auto& body) { return on(body); }, request);
}

Result<Reply> Service::on(const request::Hello& hello) {
  if (hello.version != kWireVersion) {
    return Error(concat("ginnel speaks version ", hello.version,
                        " and ginnel-firewall version ", kWireVersion,
                        "; install both from one package"));
  }
  greeted_ = true;
  return done();
}

Result<Reply> Service::on(const request::MarkedSocket& socket) {
  Result<UniqueFd> fd = open_marked(socket);
  if (!fd) return failed(fd.error());
  return Reply{answer::Done{}, std::move(*fd)};
}

Result<Reply> Service::on(const request::Listen& listen) {
  if (wanted_.listeners.size() == kMaxListeners) {
    return Error(concat("more than ", kMaxListeners, " listeners"));
  }
  Result<UniqueFd> listener = open_listener(listen);
  if (!listener) return failed(listener.error());
  Result<Endpoint> endpoint = bound_endpoint(listener->get());
  if (!endpoint) return failed(endpoint.error());
  UniqueFd kept(::fcntl(listener->get(), F_DUPFD_CLOEXEC, 0));
  if (!kept) return failed(Error::from_errno(errno, "keep a listener"));
  Result<void> promised = promise({UndoKind::kListener, {}, std::move(kept)});
  if (!promised) return failed(promised.error());
  wanted_.listeners.emplace_back(*endpoint, listen.purpose);
  return Reply{answer::Listening{*endpoint}, std::move(*listener)};
}

Result<Reply> Service::on(const request::AddRules& add) {
  if (wanted_.rules.size() + add.rules.size() > kMaxRules) {
    return Error(concat("more than ", kMaxRules, " networks in all"));
  }
  wanted_.rules.insert(wanted_.rules.end(), add.rules.begin(), add.rules.end());
  return done();
}

Result<Reply> Service::on(const request::SetFilters& set) {
  wanted_.filters = set.filters;
  return done();
}

Result<Reply> Service::on(const request::NameServers& servers) {
  wanted_.name_servers = servers.addresses;
  return done();
}

Result<Reply> Service::on(const request::ClearRules&) {
  wanted_.rules.clear();
  return done();
}

Result<Reply> Service::on(const request::SetHosts& set) {
  if (hosts_.size() + set.hosts.size() > kMaxHosts) {
    return Error(concat("more than ", kMaxHosts, " hosts in all"));
  }
  hosts_.insert(hosts_.end(), set.hosts.begin(), set.hosts.end());
  if (set.more) return done();
  std::vector<Host> whole = std::exchange(hosts_, {});
  Result<void> changed = set_hosts(std::move(whole));
  if (!changed) return failed(changed.error());
  return done();
}

Result<Reply> Service::on(const request::SetResolver& set) {
  Result<void> told = set_resolver(set);
  if (!told) return failed(told.error());
  return done();
}

// Of our own listeners only: what others are asked is nobody's business.
Result<Reply> Service::on(const request::Diverted& diverted) {
  bool ours = std::any_of(wanted_.listeners.begin(), wanted_.listeners.end(),
                          [&](const Listener& listener) {
                            return listener.purpose == Purpose::kDnsUdp &&
                                   listener.endpoint.port == diverted.here.port;
                          });
  if (!ours ||
      diverted.asker.address.family() != diverted.here.address.family()) {
    return Error(concat(diverted.here, " is no listener for look-ups"));
  }
  auto original = find_original(IPPROTO_UDP, {diverted.here, diverted.asker},
                                std::chrono::steady_clock::now() + kFindLimit);
  if (!original) return failed(original.error());
  if (!*original) return failed(Error("it was not diverted"));
  return Reply{answer::Meant{(*original)->destination}, UniqueFd()};
}

Result<Reply> Service::on(const request::Install&) {
  Result<void> installed = install();
  if (!installed) return failed(installed.error());
  return done();
}

Result<void> Service::install() {
  Result<void> named = name_table();
  if (!named) return named;
  wanted_.changing = table_.has_value();
  Result<Plan> plan = make_plan(table_name_, wanted_);
  if (!plan) return plan.error();
  Result<void> installed = table_ ? install_again(*plan) : install_first(*plan);
  if (!installed) return installed;
  forget_old_look_ups();
  installed_rules_ = sorted(wanted_.rules);
  return {};
}

Result<void> Service::install_first(const Plan& plan) {
  if (auto shapes = flatten(wanted_.rules)) forget_dead(*shapes);
  Result<InstalledTable> table = InstalledTable::install(plan, ownership_);
  if (!table) return table.error();
  table_ = std::move(*table);
  if (Result<void> kept = keep_translating(); !kept) {
    log::warning("open connections may not be told the end: ",
                 kept.error().message());
  }
  if (table_->ownership() == Ownership::kOwned) drop_needless_note();
  return {};
}

Result<void> Service::install_again(const Plan& plan) {
  // A single address may come in the middle of a look-up, which waits; and
  // few will have connected to it before.
  auto new_network = [&](const Rule& rule) {
    return rule.action == Action::kInclude &&
           rule.prefix.length() < rule.prefix.first().bits() &&
           !std::binary_search(installed_rules_.begin(), installed_rules_.end(),
                               rule);
  };
  if (std::any_of(wanted_.rules.begin(), wanted_.rules.end(), new_network)) {
    if (auto shapes = flatten(wanted_.rules)) forget_dead(*shapes);
  }
  return table_->replace(plan);
}

void Service::forget_old_look_ups() {
  auto captures = [](const Listener& listener) {
    return listener.purpose == Purpose::kDnsUdp;
  };
  if (std::none_of(wanted_.listeners.begin(), wanted_.listeners.end(),
                   captures)) {
    return;
  }
  std::vector<IpAddress> now = sorted(wanted_.name_servers);
  std::vector<IpAddress> changed;
  std::set_symmetric_difference(
      now.begin(), now.end(), installed_name_servers_.begin(),
      installed_name_servers_.end(), std::back_inserter(changed));
  bool to_this_machine = wanted_.filters.forwarded && !wanted_.changing;
  // What came since the rules took effect is with us, and its answer would not
  // find back.
  auto kept = [&](const TrackedConnection& each) {
    const Endpoint& to = each.original.destination;
    bool removed =
        std::binary_search(changed.begin(), changed.end(), to.address) &&
        !std::binary_search(now.begin(), now.end(), to.address);
    return !removed && each.diverted() &&
           std::any_of(wanted_.listeners.begin(), wanted_.listeners.end(),
                       [&](const Listener& listener) {
                         return captures(listener) &&
                                listener.endpoint.port ==
                                    each.reply.source.port;
                       });
  };
  forget_look_ups(changed, to_this_machine, kept);
  installed_name_servers_ = std::move(now);
}

Result<void> Service::keep_translating() {
  Result<UniqueFd> socket = open_table_socket();
  if (!socket) return socket.error();
  int over = socket->get();
  std::string name = translation_table(table_name_);
  Result<void> promised =
      promise({UndoKind::kTranslation, name, std::move(*socket)});
  if (!promised) return promised;
  Plan plan = make_translation_plan(std::move(name));
  Result<Ownership> granted = install_over(over, plan, table_->ownership());
  return granted ? Result<void>() : granted.error();
}

Result<void> Service::set_hosts(std::vector<Host> hosts) {
  Result<std::vector<Shape>> captured = flatten(installed_rules_);
  if (!captured) return captured.error();
  // The client may see it otherwise: this machine has just been renamed, or a
  // port of the address excluded. That is no reason to go without the others.
  std::string why;
  std::size_t skipped = std::erase_if(hosts, [&](const Host& host) {
    std::string wrong = refusal(*captured, host);
    if (why.empty()) why = wrong;
    return !wrong.empty();
  });
  if (skipped > 0) why = concat(skipped, " names are left out: ", why);
  if (why != hosts_left_out_ && !why.empty())
    log::info("the hosts file: ", why);
  hosts_left_out_ = why;
  if (hosts.empty() && !hosts_block_) return {};
  Result<void> named = name_hosts_block();
  return named ? hosts_block_->set(hosts) : named;
}

// What lets the resolver in comes first and goes last.
Result<void> Service::set_resolver(const request::SetResolver& set) {
  if (set.domains.empty()) {
    Result<void> told = resolver_.set({}, {});
    wanted_.resolver_asks.reset();
    return told;
  }
  if (!set.endpoint.address.is_loopback() ||
      !listens_for_dns(wanted_.listeners, set.endpoint)) {
    return Error(concat(set.endpoint,
                        " is no listener for look-ups on the "
                        "loopback interface"));
  }
  wanted_.resolver_asks = set.endpoint;
  Result<void> ready = table_ ? install() : Result<void>();
  return ready ? resolver_.set(set.domains, set.endpoint) : ready;
}

Result<void> Service::name_hosts_block() {
  if (hosts_block_) return {};
  Result<HostsBlock> block = HostsBlock::of_this_process();
  if (!block) return block.error();
  Result<void> promised = promise({UndoKind::kHostsBlock, block->name(), {}});
  if (promised) hosts_block_ = std::move(*block);
  return promised;
}

void Service::drop_needless_note() {
  Result<void> removed = remove_note(table_name_);
  // undo() tries again.
  if (!removed) log::warning(removed.error().message());
}

Result<void> Service::name_table() {
  if (!table_name_.empty()) return {};
  Result<std::string> name = make_table_name();
  if (!name) return name.error();
  Result<UniqueFd> note = write_note(*name);
  if (!note) return note.error();
  Result<void> promised = promise({UndoKind::kNote, *name, std::move(*note)});
  if (!promised) return promised;
  promised = promise({UndoKind::kTable, *name, {}});
  if (promised) table_name_ = std::move(*name);
  return promised;
}

Result<void> Service::promise(Undo entry) {
  Result<void> told = guard_.promise(entry);
  undo_.add(std::move(entry));
  return told;
}

Result<void> Service::undo() {
  // Closes the socket that owns the table: the kernel removes it.
  table_.reset();
  Result<void> undone = undo_.undo_all();
  guard_.dismiss();
  return undone;
}

}  // namespace ginnel::firewall
