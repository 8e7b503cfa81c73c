// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/plan.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

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
std::string port_set(std::size_t shape) { return concat("ports_", shape); }

bool all_ports(const Shape& shape) {
  return shape.ports.size() == 1 && shape.ports.front().all();
}

std::vector<Set> make_sets(const std::vector<Shape>& shapes) {
  std::vector<Set> sets;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Shape& shape = shapes[i];
    for (Family family : kFamilies) {
      if (shape.addresses(family).empty()) continue;
      sets.push_back({address_set(family, i), shape.addresses(family), {}});
    }
    if (!all_ports(shape)) sets.push_back({port_set(i), {}, shape.ports});
  }
  return sets;
}

using Way = std::optional<Verdict> (*)(const Wanted&, Purpose, Family);

// The chain that diverts what is in the cells.
Chain make_diverting_chain(std::string name, const std::vector<Shape>& shapes,
                           const Wanted& wanted, Way way_for) {
  Chain chain{std::move(name), Hook::kNone, {}};
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
  return chain;
}

// fe80::/10. Such an address means nothing without the link it is on, and the
// far end has other links.
Prefix link_local() { return Prefix(*IpAddress::parse("fe80::"), 10); }

// What no filter can bring back.
std::vector<Statement> exemptions() {
  std::vector<Statement> statements;
  statements.push_back({{match::Mark{kLinkMark}}, verdict::Return{}});
  statements.push_back({{match::LocalDestination{}}, verdict::Return{}});
  statements.push_back(
      {{match::DestinationWithin{link_local()}}, verdict::Return{}});
  return statements;
}

Chain make_output(const Filters& filters) {
  Chain chain{"output", Hook::kOutput, exemptions()};
  Statement enter{{}, verdict::Goto{"local"}};
  if (filters.user) enter.matches.push_back(match::User{*filters.user});
  if (filters.group) enter.matches.push_back(match::Group{*filters.group});
  chain.statements.push_back(std::move(enter));
  return chain;
}

Chain make_prerouting(const Filters& filters) {
  Chain chain{"prerouting", Hook::kPrerouting, exemptions()};
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

Chain make_input(const std::vector<Listener>& listeners) {
  Chain chain{"input", Hook::kInput, {}};
  chain.statements.push_back({{match::Diverted{}}, verdict::Accept{}});
  for (const auto& [listener, purpose] : listeners) {
    if (purpose == Purpose::kDnsUdp) continue;
    Statement stranger{{match::Syn{}}, verdict::Drop{}};
    if (listener.address.is_any()) {
      stranger.matches.push_back(match::IpVersion{listener.address.family()});
    } else {
      stranger.matches.push_back(match::Destination{listener.address});
    }
    stranger.matches.push_back(match::Port{listener.port});
    chain.statements.push_back(std::move(stranger));
  }
  return chain;
}

}  // namespace

Result<Plan> make_plan(std::string table, const Wanted& wanted) {
  if (wanted.listeners.empty()) {
    return Error("there is no listener to divert connections to");
  }
  Result<std::vector<Shape>> shapes = flatten(wanted.rules);
  if (!shapes) return shapes.error();
  if (shapes->empty()) {
    return Error("the rules capture nothing; include at least one network");
  }
  Plan plan{std::move(table), make_sets(*shapes), {}};
  plan.chains.push_back(
      make_diverting_chain("local", *shapes, wanted, way_for_local));
  if (plan.chains.back().statements.empty()) {
    return Error("there is no listener of the networks' IP version");
  }
  plan.chains.push_back(make_output(wanted.filters));
  if (wanted.filters.forwarded) {
    plan.chains.push_back(
        make_diverting_chain("forwarded", *shapes, wanted, way_for_forwarded));
    if (plan.chains.back().statements.empty()) {
      return Error(
          "forwarded connections cannot reach a listener on loopback; listen "
          "on 0.0.0.0 or [::], or on the address of the LAN's interface");
    }
    plan.chains.push_back(make_prerouting(wanted.filters));
  }
  plan.chains.push_back(make_input(wanted.listeners));
  return plan;
}

Plan make_translation_plan(std::string table) {
  // One chain of nat is enough for the kernel to translate at all its hooks.
  Chain chain{"input", Hook::kTranslation, {}};
  chain.statements.push_back({{match::Diverted{}}, verdict::Accept{}});
  return Plan{std::move(table), {}, {std::move(chain)}};
}

}  // namespace ginnel::firewall
