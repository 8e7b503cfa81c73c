// SPDX-License-Identifier: GPL-3.0-or-later
// A plan as the script that `nft -f` reads.
#include "base/strings.h"
#include "firewall/plan.h"

namespace ginnel::firewall {
namespace {

std::string_view protocol(Family family) {
  return family == Family::kIpv4 ? "ip" : "ip6";
}

struct MatchText {
  std::string operator()(const match::Mark& mark) {
    return concat("meta mark ", mark.value);
  }
  std::string operator()(const match::LocalDestination&) {
    return "fib daddr type local";
  }
  std::string operator()(const match::Syn&) {
    return "tcp flags & (syn | ack) == syn";
  }
  std::string operator()(const match::User& user) {
    return concat("meta skuid ", user.id);
  }
  std::string operator()(const match::Group& group) {
    return concat("meta skgid ", group.id);
  }
  std::string operator()(const match::FromInterface& from) {
    return concat("iifname \"", from.name, "\"");
  }
  std::string operator()(const match::Source& source) {
    return concat(protocol(source.prefix.family()), " saddr ", source.prefix);
  }
  std::string operator()(const match::Destination& to) {
    return concat(protocol(to.address.family()), " daddr ", to.address);
  }
  std::string operator()(const match::DestinationIn& to) {
    return concat(protocol(to.family), " daddr @", to.set);
  }
  std::string operator()(const match::DestinationWithin& to) {
    return concat(protocol(to.prefix.family()), " daddr ", to.prefix);
  }
  std::string operator()(const match::Port& to) {
    return concat("tcp dport ", to.port);
  }
  std::string operator()(const match::UdpPort& to) {
    return concat("udp dport ", to.port);
  }
  std::string operator()(const match::PortIn& to) {
    return concat("tcp dport @", to.set);
  }
  std::string operator()(const match::IpVersion& version) {
    return concat("meta nfproto ",
                  version.family == Family::kIpv4 ? "ipv4" : "ipv6");
  }
  std::string operator()(const match::Diverted&) { return "ct status dnat"; }
};

struct VerdictText {
  std::string operator()(const verdict::Return&) { return "return"; }
  std::string operator()(const verdict::Accept&) { return "accept"; }
  std::string operator()(const verdict::Drop&) { return "drop"; }
  std::string operator()(const verdict::Goto& jump) {
    return concat("goto ", jump.chain);
  }
  std::string operator()(const verdict::Redirect& redirect) {
    return concat("redirect to :", redirect.port);
  }
  std::string operator()(const verdict::Divert& divert) {
    return concat("dnat ", protocol(divert.to.address.family()), " to ",
                  divert.to);
  }
};

std::string_view hook_text(Hook hook) {
  switch (hook) {
    case Hook::kPrerouting:
      return "type nat hook prerouting priority -100;";
    case Hook::kInput:
      return "type filter hook input priority 0;";
    case Hook::kOutput:
      return "type nat hook output priority -100;";
    case Hook::kTranslation:
      return "type nat hook input priority 100;";
    case Hook::kNone:
      break;
  }
  return "";
}

std::string to_string(const Statement& statement) {
  std::string text;
  for (const Match& match : statement.matches) {
    text += std::visit(MatchText{}, match) + ' ';
  }
  return text + std::visit(VerdictText{}, statement.verdict);
}

std::string to_string(const Chain& chain) {
  std::string text = concat("  chain ", chain.name, " {\n");
  if (chain.hook != Hook::kNone) {
    text += concat("    ", hook_text(chain.hook), "\n");
  }
  for (const Statement& statement : chain.statements) {
    text += concat("    ", to_string(statement), "\n");
  }
  return text + "  }\n";
}

std::string to_string(const Set& set) {
  std::string_view type = "inet_service";
  std::string elements;
  for (const PortRange& range : set.ports) {
    elements +=
        concat(elements.empty() ? "" : ", ", range.first, "-", range.last);
  }
  for (const AddressInterval& interval : set.addresses) {
    type = interval.first.family() == Family::kIpv4 ? "ipv4_addr" : "ipv6_addr";
    elements += concat(elements.empty() ? "" : ", ", interval.first, "-",
                       interval.last);
  }
  return concat("  set ", set.name, " {\n    type ", type,
                "; flags interval;\n    elements = { ", elements, " }\n  }\n");
}

}  // namespace

std::string to_string(const Plan& plan) {
  std::string text = concat("table inet ", plan.table, " {\n");
  for (const Set& set : plan.sets) text += to_string(set);
  for (const Chain& chain : plan.chains) text += to_string(chain);
  return text + "}\n";
}

}  // namespace ginnel::firewall
