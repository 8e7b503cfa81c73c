// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/net_types.h"
#include "base/result.h"

// What `ginnel` may ask of `ginnel-firewall`, and what it is answered: the
// whole of firewall/ that the client includes.
//
// One message is one packet on a SOCK_SEQPACKET Unix socket; each request gets
// exactly one answer, in order. The list is an allow-list of shapes: no paths,
// no commands, every count and length bounded here, and meaning checked as
// well as form, because the sender is an unprivileged process that parses what
// the network says and may have been taken over. A request that does not
// decode, or that comes out of turn, ends the firewall process, which undoes
// everything. So does closing the socket.
//
//   request        bytes after the type                           answer
//   1 HELLO        u16 version                                    DONE
//   2 SOCKET       u8 family, u8 kind                             DONE + fd
//   3 LISTEN       u8 purpose, endpoint                      LISTENING + fd
//   4 RULES        u16 count, count rules                         DONE
//   5 FILTERS      u8 flags, [u32 uid], [u32 gid], 3 lists        DONE
//   6 INSTALL      nothing                                        DONE
//   7 NAMESERVERS  u16 count, count addresses                     DONE
//   8 CLEAR        nothing                                        DONE
//   9 HOSTS        u8 more, u16 count, count hosts                DONE
//   10 RESOLVER    u8 count, count names, endpoint                DONE
//   11 DIVERTED    endpoint, endpoint                             MEANT
//
//   answer
//   1 DONE         nothing
//   2 FAILED       u16 length, sentence
//   3 LISTENING    endpoint
//   4 MEANT        endpoint
//
//   kind      0 TCP, 1 UDP
//   purpose   0 captured connections, 1 DNS over TCP, 2 DNS over UDP
//   address   u8 family (4 or 6), 4 or 16 bytes
//   endpoint  address, u16 port
//   prefix    address, u8 length
//   name      u8 length, text
//   host      address, name
//   rule      prefix, u16 first port, u16 last port, u8 action
//             (0 exclude, 1 include)
//   lists     each u16 count, then count items: uplink names, LAN names
//             (u8 length, text), LAN prefixes
//
// Numbers are big-endian. HELLO comes first and once; all else at any time and
// as often as wanted. LISTEN, RULES, FILTERS, NAMESERVERS and CLEAR take effect
// with the next INSTALL, which replaces what was installed from one packet to
// the next; the others at once. Each message has one encoding only: host bits
// of a prefix are zero, nothing follows the last field.
namespace ginnel::firewall {

inline constexpr std::uint16_t kWireVersion = 2;

// SO_MARK of the sockets SOCKET hands out, which no rule captures: 'g', and
// ssh's port. Bits 14 and 15 are kube-proxy's, and clear.
inline constexpr std::uint32_t kLinkMark = 0x67000016;

// A batch of 1024 IPv6 rules takes 23.5 KiB.
inline constexpr std::size_t kMaxMessage = 32 * 1024;
inline constexpr std::size_t kMaxRulesInMessage = 1024;
// Over all messages. Country-sized address lists have about 20 000.
inline constexpr std::size_t kMaxRules = 65536;
inline constexpr std::size_t kMaxListeners = 32;
inline constexpr std::size_t kMaxUplinks = 16;
inline constexpr std::size_t kMaxLanInterfaces = 64;
inline constexpr std::size_t kMaxLanPrefixes = 256;
inline constexpr std::size_t kMaxNameServers = 32;
// Over all messages.
inline constexpr std::size_t kMaxHosts = 4096;
inline constexpr std::size_t kMaxDomains = 64;
// As text, without the last dot (RFC 1035).
inline constexpr std::size_t kMaxName = 253;
inline constexpr std::size_t kMaxSentence = 1024;
// IFNAMSIZ - 1.
inline constexpr std::size_t kMaxInterfaceName = 15;
// A port below this may belong to a service that others rely on.
inline constexpr std::uint16_t kFirstListenPort = 1024;

enum class Action : std::uint8_t { kExclude = 0, kInclude = 1 };

// Whether connections to these addresses and ports are captured. plan.h tells
// which rule counts where several overlap.
struct Rule {
  Prefix prefix;
  PortRange ports;
  Action action = Action::kInclude;

  Rule() = default;
  Rule(Prefix where, PortRange which, Action what)
      : prefix(where), ports(which), action(what) {}
  auto operator<=>(const Rule&) const = default;
};

// Whose connections are captured at all, whatever the rules say.
struct Filters {
  // Of this machine's own connections: only this user's, only this group's.
  // Both given: both must match.
  std::optional<uid_t> user;
  std::optional<gid_t> group;
  // Also capture what this machine forwards for others: from every interface
  // but the uplinks, or, when either LAN list has an entry, only from those
  // interfaces and source prefixes.
  bool forwarded = false;
  std::vector<std::string> uplinks;
  std::vector<std::string> lan_interfaces;
  std::vector<Prefix> lan_prefixes;

  bool operator==(const Filters&) const = default;
};

// A name the kernel would take for an interface, in printable ASCII.
bool is_interface_name(std::string_view name);

enum class SocketKind : std::uint8_t { kTcp = 0, kUdp = 1 };

// What reaches a listener.
enum class Purpose : std::uint8_t {
  kConnections = 0,
  kDnsTcp = 1,
  kDnsUdp = 2,
};

// A line of the hosts block.
struct Host {
  IpAddress address;
  std::string name;

  Host() = default;
  Host(IpAddress where, std::string what)
      : address(where), name(std::move(what)) {}
  bool operator==(const Host&) const = default;
};

// The bytes of a host's or a domain's name: 1 to kMaxName letters, digits, '-',
// '_' and '.', so that it cannot be taken for anything else wherever it is
// written. Whether it means something, its user has to check.
bool is_plain_name(std::string_view name);

namespace request {

struct Hello {
  std::uint16_t version = kWireVersion;
  bool operator==(const Hello&) const = default;
};
// A new socket that carries kLinkMark, not bound and not connected.
struct MarkedSocket {
  Family family = Family::kIpv4;
  SocketKind kind = SocketKind::kTcp;
  bool operator==(const MarkedSocket&) const = default;
};
// A listening TCP socket, or a bound UDP socket, for what is captured; port 0
// is any free port. The UDP socket does not block, and tells with each packet
// which address it was sent to (IP_PKTINFO, IPV6_RECVPKTINFO): the answer must
// leave from there, or the kernel does not know whose it is. If that is a
// loopback address, neither an interface nor a scope may be named, for whoever
// asked a link-local name server has a link-local address.
struct Listen {
  Purpose purpose = Purpose::kConnections;
  Endpoint endpoint;
  bool operator==(const Listen&) const = default;
};
// More rules, after those sent since the last CLEAR.
struct AddRules {
  std::vector<Rule> rules;
  bool operator==(const AddRules&) const = default;
};
// Replaces the filters sent before.
struct SetFilters {
  Filters filters;
  bool operator==(const SetFilters&) const = default;
};
// Everything sent so far takes effect at once, in place of what was installed
// before; or, with FAILED, nothing, and what was installed stays. What is open
// lives on.
struct Install {
  bool operator==(const Install&) const = default;
};
// Look-ups sent to port 53 of these are captured, if there is a DNS listener.
// Replaces those sent before.
struct NameServers {
  std::vector<IpAddress> addresses;
  bool operator==(const NameServers&) const = default;
};
// Forgets the rules sent before.
struct ClearRules {
  bool operator==(const ClearRules&) const = default;
};
// Part of what is to stand in the hosts file; with the last part it does, in
// place of what stood there before.
struct SetHosts {
  bool more = false;
  std::vector<Host> hosts;
  bool operator==(const SetHosts&) const = default;
};
// This machine's resolver is to ask at `endpoint` for names in `domains`, in
// place of those sent before; with no domains, for none.
struct SetResolver {
  std::vector<std::string> domains;
  Endpoint endpoint;
  bool operator==(const SetResolver&) const = default;
};
// Where a look-up over UDP was going that `asker` sent and that arrived at
// `here`, a listener. (A TCP socket can be asked itself: SO_ORIGINAL_DST.)
struct Diverted {
  Endpoint asker;
  Endpoint here;
  bool operator==(const Diverted&) const = default;
};

}  // namespace request

using Request =
    std::variant<request::Hello, request::MarkedSocket, request::Listen,
                 request::AddRules, request::SetFilters, request::Install,
                 request::NameServers, request::ClearRules, request::SetHosts,
                 request::SetResolver, request::Diverted>;

namespace answer {

struct Done {
  bool operator==(const Done&) const = default;
};
// The request was in order, but the system refused; one sentence says why.
struct Failed {
  std::string sentence;
  bool operator==(const Failed&) const = default;
};
// Where the socket that comes along really listens.
struct Listening {
  Endpoint endpoint;
  bool operator==(const Listening&) const = default;
};
// Where the look-up was going.
struct Meant {
  Endpoint endpoint;
  bool operator==(const Meant&) const = default;
};

}  // namespace answer

using Answer = std::variant<answer::Done, answer::Failed, answer::Listening,
                            answer::Meant>;

// The size of a host in a message.
inline std::size_t wire_size(const Host& host) {
  return 1 + host.address.size() + 1 + host.name.size();
}
// For hosts, in a message of kMaxMessage bytes.
inline constexpr std::size_t kHostsRoom = kMaxMessage - 4;

// REQUIRES: within the bounds above; decode_request says what they are. A
// sentence longer than kMaxSentence is cut.
std::vector<std::byte> encode(const Request& request);
std::vector<std::byte> encode(const Answer& answer);

Result<Request> decode_request(Bytes message);
Result<Answer> decode_answer(Bytes message);

}  // namespace ginnel::firewall
