// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/net_types.h"
#include "base/result.h"
#include "firewall/cells.h"
#include "firewall/wire.h"

// What a client wants, as the table that will do it: values only, which a back
// end (nft.h) carries out and which to_string() shows as the nft script that
// one would write by hand.
//
//   output, prerouting  whose: new connections of this machine, and forwarded
//       ones. Our own link, by its mark, goes its way; what the filters leave
//       goes to
//   local, forwarded    where to: look-ups to a listener for DNS, if it is to
//       a name server of this machine, or, forwarded, to this machine itself.
//       (A stub like systemd-resolved's is on 127.0.0.53: so this comes before
//       local and link-local addresses, which are left alone.) Then one rule
//       for each shape of cells (cells.h) and family: a connection's first
//       packet is diverted to a listener.
//   input               what reaches a listener without having been diverted
//       is dropped: it would make ginnel connect to itself, or serve whoever
//       comes by. Only this machine's resolver may, if it was told to.
//
// Of TCP only a SYN is ever diverted. A rule that matches later packets as well
// would reset connections that are older than the rule, when connection
// tracking first sees one in mid-stream: the user's own ssh among them. Of UDP
// the rules see the first packet of a flow only, since nat does not look again
// (conntrack.h tells what that means for flows that are older).
namespace ginnel::firewall {

namespace match {
struct Mark {
  std::uint32_t value;
};
// The destination is an address of this machine.
struct LocalDestination {};
// The first packet of a TCP connection.
struct Syn {};
// The sender's socket belongs to that user or group. Does not match where
// there is no socket.
struct User {
  uid_t id;
};
struct Group {
  gid_t id;
};
struct FromInterface {
  std::string name;
};
struct Source {
  Prefix prefix;
};
struct Destination {
  IpAddress address;
};
struct DestinationIn {
  Family family;
  std::string set;
};
struct DestinationWithin {
  Prefix prefix;
};
// Of TCP.
struct Port {
  std::uint16_t port;
};
struct UdpPort {
  std::uint16_t port;
};
struct PortIn {
  std::string set;
};
struct IpVersion {
  Family family;
};
// The connection's destination was rewritten.
struct Diverted {};
}  // namespace match

using Match =
    std::variant<match::Mark, match::LocalDestination, match::Syn, match::User,
                 match::Group, match::FromInterface, match::Source,
                 match::Destination, match::DestinationIn,
                 match::DestinationWithin, match::Port, match::UdpPort,
                 match::PortIn, match::IpVersion, match::Diverted>;

namespace verdict {
struct Return {};
struct Accept {};
struct Drop {};
struct Goto {
  std::string chain;
};
// To that port of loopback (own connections), or of the address of the
// interface the packet came in by (forwarded ones).
struct Redirect {
  std::uint16_t port;
};
struct Divert {
  Endpoint to;
};
}  // namespace verdict

using Verdict = std::variant<verdict::Return, verdict::Accept, verdict::Drop,
                             verdict::Goto, verdict::Redirect, verdict::Divert>;

// All matches hold: the verdict.
struct Statement {
  std::vector<Match> matches;
  Verdict verdict;
};

enum class Hook : std::uint8_t {
  kNone,
  kPrerouting,
  kInput,
  kOutput,
  // Of nat at its input, where nothing is diverted.
  kTranslation,
};

struct Chain {
  std::string name;
  Hook hook = Hook::kNone;
  std::vector<Statement> statements;
};

struct Set {
  std::string name;
  // Of one family. Ports when this is empty.
  std::vector<AddressInterval> addresses;
  PortRanges ports;
};

// Chains stand before those that go to them.
struct Plan {
  std::string table;
  std::vector<Set> sets;
  std::vector<Chain> chains;
};

struct Listener {
  Endpoint endpoint;
  Purpose purpose = Purpose::kConnections;

  explicit Listener(Endpoint where, Purpose what = Purpose::kConnections)
      : endpoint(where), purpose(what) {}
};

// What is wanted of the firewall, from all requests so far.
struct Wanted {
  std::vector<Rule> rules;
  Filters filters;
  std::vector<Listener> listeners;
  std::vector<IpAddress> name_servers;
  // Where this machine's resolver was told to ask: a listener for DNS, which
  // it may reach without having been diverted.
  std::optional<Endpoint> resolver_asks;
  // Something was in effect before. That less is left of it, or nothing, is
  // nobody's mistake then.
  bool changing = false;
};

// Of a family, connections are captured if there is a listener they can reach:
// own ones the first on loopback or the wildcard address, else any; forwarded
// ones the first on the wildcard address, else any but one on loopback, which
// no packet from outside may reach. So are look-ups. An error when there is no
// listener, when forwarded connections are wanted and none can be reached, or
// when nothing comes of what the rules include; no include at all is no error,
// since networks may be found later.
Result<Plan> make_plan(std::string table, const Wanted& wanted);

// A second table, which does nothing but make the kernel go on translating
// what the first has diverted: it stops when the last nat chain or the last
// rule that asks for connection tracking goes, and then no reset would reach
// an application. So this table stays until the connections have been ended.
Plan make_translation_plan(std::string table);

// A script for `nft -f`.
std::string to_string(const Plan& plan);

}  // namespace ginnel::firewall
