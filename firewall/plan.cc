// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/plan.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr Family kFamilies[] = {Family::kIpv4, Family::kIpv6};

// The first listener of `family` for which `fits` holds.
template <typename Fits>
const Endpoint* find_listener(const Wanted& wanted, Purpose purpose,
                              Family family, Fits fits) {
  for (const Listener& listener : wanted.listeners) {
    const IpAddress& address = listener.endpoint.address;
    if (listener.purpose == purpose && address.family() == family &&
        fits(address)) {
      return &listener.endpoint;
    }
  }
  return nullptr;
}

// How connections of one kind and family reach a listener.
std::optional<Verdict> way_for_local(const Wanted& wanted, Purpose purpose,
                                     Family family) {
  const Endpoint* near =
      find_listener(wanted, purpose, family, [&](const IpAddress& address) {
        return address.is_any() || address == IpAddress::loopback(family);
      });
  if (near != nullptr) return verdict::Redirect{near->port};
  const Endpoint* any = find_listener(wanted, purpose, family,
                                      [](const IpAddress&) { return true; });
  if (any != nullptr) return verdict::Divert{*any};
  return std::nullopt;
}

std::optional<Verdict> way_for_forwarded(const Wanted& wanted, Purpose purpose,
                                         Family family) {
  const Endpoint* wildcard =
      find_listener(wanted, purpose, family,
                    [](const IpAddress& address) { return address.is_any(); });
  if (wildcard != nullptr) return verdict::Redirect{wildcard->port};
  const Endpoint* outward = find_listener(
      wanted, purpose, family,
      [](const IpAddress& address) { return !address.is_loopback(); });
  if (outward != nullptr) return verdict::Divert{*outward};
  return std::nullopt;
}

std::string address_set(Family family, std::size_t shape) {
  return concat(family == Family::kIpv4 ? "ipv4_" : "ipv6_", shape);
}
std::string name_server_set(Family family) {
  return family == Family::kIpv4 ? "dns_ipv4" : "dns_ipv6";
}
std::string port_set(std::size_t shape) { return concat("ports_", shape); }

bool all_ports(const Shape& shape) {
  return shape.ports.size() == 1 && shape.ports.front().all();
}

using Way = std::optional<Verdict> (*)(const Wanted&, Purpose, Family);

// What goes where, as disjoint cells.
struct Targets {
  std::vector<Shape> connections;
  // Of one shape, with port 53; or of none.
  std::vector<Shape> name_servers;
};

Result<Targets> make_targets(const Wanted& wanted) {
  std::vector<Rule> look_ups;
  for (const IpAddress& address : wanted.name_servers) {
    look_ups.emplace_back(Prefix(address, address.bits()),
                          PortRange(kDnsPort, kDnsPort), Action::kInclude);
  }
  Result<std::vector<Shape>> connections = flatten(wanted.rules);
  if (!connections) return connections.error();
  Result<std::vector<Shape>> name_servers = flatten(look_ups);
  if (!name_servers) return name_servers.error();
  return Targets{std::move(*connections), std::move(*name_servers)};
}

bool any_address(const std::vector<Shape>& shapes, Family family) {
  return std::any_of(shapes.begin(), shapes.end(), [&](const Shape& shape) {
    return !shape.addresses(family).empty();
  });
}

std::vector<Set> make_sets(const Targets& targets) {
  std::vector<Set> sets;
  for (const Shape& shape : targets.name_servers) {
    for (Family family : kFamilies) {
      if (shape.addresses(family).empty()) continue;
      sets.push_back({name_server_set(family), shape.addresses(family), {}});
    }
  }
  for (std::size_t i = 0; i < targets.connections.size(); ++i) {
    const Shape& shape = targets.connections[i];
    for (Family family : kFamilies) {
      if (shape.addresses(family).empty()) continue;
      sets.push_back({address_set(family, i), shape.addresses(family), {}});
    }
    if (!all_ports(shape)) sets.push_back({port_set(i), {}, shape.ports});
  }
  return sets;
}

Statement look_up(Purpose purpose, Verdict way) {
  if (purpose == Purpose::kDnsUdp) return {{match::UdpPort{kDnsPort}}, way};
  return {{match::Syn{}, match::Port{kDnsPort}}, way};
}

// Diverts look-ups to the name servers, and, if they are forwarded, to this
// machine, which may be the LAN's name server.
void add_look_ups(Chain& chain, const Targets& targets, const Wanted& wanted,
                  Way way_for, bool forwarded) {
  for (Purpose purpose : {Purpose::kDnsUdp, Purpose::kDnsTcp}) {
    for (Family family : kFamilies) {
      std::optional<Verdict> way = way_for(wanted, purpose, family);
      if (!way) continue;
      if (any_address(targets.name_servers, family)) {
        Statement divert = look_up(purpose, *way);
        divert.matches.push_back(
            match::DestinationIn{family, name_server_set(family)});
        chain.statements.push_back(std::move(divert));
      }
      if (forwarded) {
        Statement divert = look_up(purpose, *way);
        divert.matches.push_back(match::IpVersion{family});
        divert.matches.push_back(match::LocalDestination{});
        chain.statements.push_back(std::move(divert));
      }
    }
  }
}

// Diverts connections to what is in the cells.
void add_connections(Chain& chain, const std::vector<Shape>& shapes,
                     const Wanted& wanted, Way way_for) {
  for (Family family : kFamilies) {
    std::optional<Verdict> way = way_for(wanted, Purpose::kConnections, family);
    if (!way) continue;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      if (shapes[i].addresses(family).empty()) continue;
      Statement divert{{match::Syn{}}, *way};
      divert.matches.push_back(
          match::DestinationIn{family, address_set(family, i)});
      if (!all_ports(shapes[i])) {
        divert.matches.push_back(match::PortIn{port_set(i)});
      }
      chain.statements.push_back(std::move(divert));
    }
  }
}

// fe80::/10. Such an address means nothing without the link it is on, and the
// far end has other links.
Prefix link_local() { return Prefix(*IpAddress::parse("fe80::"), 10); }

void add_exemptions(Chain& chain) {
  chain.statements.push_back({{match::LocalDestination{}}, verdict::Return{}});
  chain.statements.push_back(
      {{match::DestinationWithin{link_local()}}, verdict::Return{}});
}

Chain make_local(const Targets& targets, const Wanted& wanted) {
  Chain chain{"local", Hook::kNone, {}};
  add_look_ups(chain, targets, wanted, way_for_local, false);
  add_exemptions(chain);
  add_connections(chain, targets.connections, wanted, way_for_local);
  return chain;
}

Chain make_forwarded(const Targets& targets, const Wanted& wanted) {
  Chain chain{"forwarded", Hook::kNone, {}};
  add_look_ups(chain, targets, wanted, way_for_forwarded, true);
  add_exemptions(chain);
  add_connections(chain, targets.connections, wanted, way_for_forwarded);
  return chain;
}

Statement spare_link() { return {{match::Mark{kLinkMark}}, verdict::Return{}}; }

Chain make_output(const Filters& filters) {
  Chain chain{"output", Hook::kOutput, {spare_link()}};
  Statement enter{{}, verdict::Goto{"local"}};
  if (filters.user) enter.matches.push_back(match::User{*filters.user});
  if (filters.group) enter.matches.push_back(match::Group{*filters.group});
  chain.statements.push_back(std::move(enter));
  return chain;
}

Chain make_prerouting(const Filters& filters) {
  Chain chain{"prerouting", Hook::kPrerouting, {spare_link()}};
  const verdict::Goto enter{"forwarded"};
  if (filters.lan_interfaces.empty() && filters.lan_prefixes.empty()) {
    for (const std::string& uplink : filters.uplinks) {
      chain.statements.push_back(
          {{match::FromInterface{uplink}}, verdict::Return{}});
    }
    chain.statements.push_back({{}, enter});
  }
  for (const std::string& name : filters.lan_interfaces) {
    chain.statements.push_back({{match::FromInterface{name}}, enter});
  }
  for (const Prefix& prefix : filters.lan_prefixes) {
    chain.statements.push_back({{match::Source{prefix}}, enter});
  }
  return chain;
}

// Packets that begin something with the listener.
Statement arrivals(const Listener& listener, Verdict verdict) {
  const auto& [address, port] = listener.endpoint;
  bool udp = listener.purpose == Purpose::kDnsUdp;
  Statement statement{{}, std::move(verdict)};
  if (!udp) statement.matches.push_back(match::Syn{});
  if (address.is_any()) {
    statement.matches.push_back(match::IpVersion{address.family()});
  } else {
    statement.matches.push_back(match::Destination{address});
  }
  if (udp) {
    statement.matches.push_back(match::UdpPort{port});
  } else {
    statement.matches.push_back(match::Port{port});
  }
  return statement;
}

Chain make_input(const Wanted& wanted) {
  Chain chain{"input", Hook::kInput, {}};
  chain.statements.push_back({{match::Diverted{}}, verdict::Accept{}});
  for (const Listener& listener : wanted.listeners) {
    bool asked = listener.purpose != Purpose::kConnections &&
                 listener.endpoint == wanted.resolver_asks;
    if (asked) {
      Statement resolver = arrivals(listener, verdict::Accept{});
      resolver.matches.insert(resolver.matches.begin(),
                              match::FromInterface{"lo"});
      chain.statements.push_back(std::move(resolver));
    }
    chain.statements.push_back(arrivals(listener, verdict::Drop{}));
  }
  return chain;
}

// Whether any of the families of `shapes` has a way; with no shapes, whether
// any family has.
bool reachable(const Wanted& wanted, Purpose purpose,
               const std::vector<Shape>& shapes, Way way_for) {
  return std::any_of(std::begin(kFamilies), std::end(kFamilies),
                     [&](Family family) {
                       return (shapes.empty() || any_address(shapes, family)) &&
                              way_for(wanted, purpose, family);
                     });
}

bool captures_look_ups(const Wanted& wanted, const Targets& targets) {
  return !targets.name_servers.empty() &&
         (reachable(wanted, Purpose::kDnsUdp, targets.name_servers,
                    way_for_local) ||
          reachable(wanted, Purpose::kDnsTcp, targets.name_servers,
                    way_for_local));
}

// What looks like a mistake of the user's.
Result<void> check(const Wanted& wanted, const Targets& targets) {
  const std::vector<Shape>& shapes = targets.connections;
  if (wanted.filters.forwarded &&
      !reachable(wanted, Purpose::kConnections, shapes, way_for_forwarded)) {
    return Error(
        "forwarded connections cannot reach a listener on loopback; listen "
        "on 0.0.0.0 or [::], or on the address of the LAN's interface");
  }
  if (captures_look_ups(wanted, targets)) return {};
  bool includes = std::any_of(
      wanted.rules.begin(), wanted.rules.end(),
      [](const Rule& rule) { return rule.action == Action::kInclude; });
  if (includes && shapes.empty()) {
    return Error("the rules capture nothing; include at least one network");
  }
  if (!reachable(wanted, Purpose::kConnections, shapes, way_for_local)) {
    return Error("there is no listener of the networks' IP version");
  }
  return {};
}

}  // namespace

Result<Plan> make_plan(std::string table, const Wanted& wanted) {
  if (wanted.listeners.empty()) {
    return Error("there is no listener to divert connections to");
  }
  Result<Targets> targets = make_targets(wanted);
  if (!targets) return targets.error();
  if (!wanted.changing) {
    Result<void> sensible = check(wanted, *targets);
    if (!sensible) return sensible.error();
  }
  Plan plan{std::move(table), make_sets(*targets), {}};
  plan.chains.push_back(make_local(*targets, wanted));
  plan.chains.push_back(make_output(wanted.filters));
  if (wanted.filters.forwarded) {
    plan.chains.push_back(make_forwarded(*targets, wanted));
    plan.chains.push_back(make_prerouting(wanted.filters));
  }
  plan.chains.push_back(make_input(wanted));
  return plan;
}

Plan make_translation_plan(std::string table) {
  // One chain of nat is enough for the kernel to translate at all its hooks.
  Chain chain{"input", Hook::kTranslation, {}};
  chain.statements.push_back({{match::Diverted{}}, verdict::Accept{}});
  return Plan{std::move(table), {}, {std::move(chain)}};
}

}  // namespace ginnel::firewall
