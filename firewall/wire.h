// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
//   2 SOCKET       u8 family                                      DONE + fd
//   3 LISTEN       endpoint                                  LISTENING + fd
//   4 RULES        u16 count, count rules                         DONE
//   5 FILTERS      u8 flags, [u32 uid], [u32 gid], 3 lists        DONE
//   6 INSTALL      nothing                                        DONE
//
//   answer
//   1 DONE         nothing
//   2 FAILED       u16 length, sentence
//   3 LISTENING    endpoint
//
//   endpoint  u8 family (4 or 6), 4 or 16 bytes of address, u16 port
//   prefix    u8 family, 4 or 16 bytes of address, u8 length
//   rule      prefix, u16 first port, u16 last port, u8 action
//             (0 exclude, 1 include)
//   lists     each u16 count, then count items: uplink names, LAN names
//             (u8 length, text), LAN prefixes
//
// Numbers are big-endian. HELLO comes first and once; LISTEN, RULES and
// FILTERS before INSTALL; INSTALL once; SOCKET at any time after HELLO, since
// a lost link is dialled again. Each message has one encoding only: host bits
// of a prefix are zero, nothing follows the last field.
namespace ginnel::firewall {

inline constexpr std::uint16_t kWireVersion = 1;

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

namespace request {

struct Hello {
  std::uint16_t version = kWireVersion;
  bool operator==(const Hello&) const = default;
};
// A new TCP socket that carries kLinkMark, not bound and not connected.
struct MarkedSocket {
  Family family = Family::kIpv4;
  bool operator==(const MarkedSocket&) const = default;
};
// A listening TCP socket for captured connections; port 0 is any free port.
struct Listen {
  Endpoint endpoint;
  bool operator==(const Listen&) const = default;
};
// More rules, after those sent before.
struct AddRules {
  std::vector<Rule> rules;
  bool operator==(const AddRules&) const = default;
};
// Replaces the filters sent before.
struct SetFilters {
  Filters filters;
  bool operator==(const SetFilters&) const = default;
};
// Everything sent so far takes effect at once, or, with FAILED, nothing.
struct Install {
  bool operator==(const Install&) const = default;
};

}  // namespace request

using Request =
    std::variant<request::Hello, request::MarkedSocket, request::Listen,
                 request::AddRules, request::SetFilters, request::Install>;

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

}  // namespace answer

using Answer = std::variant<answer::Done, answer::Failed, answer::Listening>;

// REQUIRES: within the bounds above; decode_request says what they are. A
// sentence longer than kMaxSentence is cut.
std::vector<std::byte> encode(const Request& request);
std::vector<std::byte> encode(const Answer& answer);

Result<Request> decode_request(Bytes message);
Result<Answer> decode_answer(Bytes message);

}  // namespace ginnel::firewall
