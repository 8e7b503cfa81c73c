// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/wire.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

enum class RequestType : std::uint8_t {
  kHello = 1,
  kSocket = 2,
  kListen = 3,
  kRules = 4,
  kFilters = 5,
  kInstall = 6,
  kNameServers = 7,
  kClear = 8,
  kHosts = 9,
  kResolver = 10,
  kDiverted = 11,
};

enum class AnswerType : std::uint8_t {
  kDone = 1,
  kFailed = 2,
  kListening = 3,
  kMeant = 4,
};

enum FilterFlag : std::uint8_t {
  kHasUser = 1,
  kHasGroup = 2,
  kForwarded = 4,
  kAllFlags = kHasUser | kHasGroup | kForwarded,
};

// The kernel's "no such id".
constexpr std::uint32_t kNoId = std::numeric_limits<std::uint32_t>::max();

void put(ByteWriter& to, const IpAddress& address) {
  to.u8(static_cast<std::uint8_t>(address.family()));
  to.bytes(std::as_bytes(std::span(address.data(), address.size())));
}

void put(ByteWriter& to, const Endpoint& endpoint) {
  put(to, endpoint.address);
  to.u16(endpoint.port);
}

void put(ByteWriter& to, const Prefix& prefix) {
  put(to, prefix.first());
  to.u8(static_cast<std::uint8_t>(prefix.length()));
}

void put(ByteWriter& to, const Rule& rule) {
  put(to, rule.prefix);
  to.u16(rule.ports.first);
  to.u16(rule.ports.last);
  to.u8(static_cast<std::uint8_t>(rule.action));
}

void put(ByteWriter& to, const std::string& name) {
  static_assert(std::max(kMaxInterfaceName, kMaxName) <= 255);
  assert(name.size() <= kMaxName);
  to.u8(static_cast<std::uint8_t>(name.size()));
  to.text(name);
}

void put(ByteWriter& to, const Host& host) {
  put(to, host.address);
  put(to, host.name);
}

template <typename Item>
void put(ByteWriter& to, const std::vector<Item>& list) {
  assert(list.size() <= std::numeric_limits<std::uint16_t>::max());
  to.u16(static_cast<std::uint16_t>(list.size()));
  for (const Item& item : list) put(to, item);
}

// Takes typed fields off the front of a message. The first thing wrong is
// kept, and all that follows reads as empty, so that a message is parsed
// straight through and checked once.
class Fields {
 public:
  explicit Fields(Bytes message) : reader_(message) {}

  std::uint16_t u16() { return reader_.u16(); }
  std::uint32_t u32() { return reader_.u32(); }
  std::uint8_t u8() { return reader_.u8(); }
  // A number of at most `limit`, the last of an enum's values, or a flag.
  std::uint8_t choice(std::uint8_t limit, const char* what) {
    std::uint8_t value = reader_.u8();
    if (value > limit) fail(concat("unknown ", what, " ", value));
    return value;
  }

  Family family() {
    std::uint8_t value = reader_.u8();
    if (value == static_cast<std::uint8_t>(Family::kIpv6)) return Family::kIpv6;
    if (value != static_cast<std::uint8_t>(Family::kIpv4)) {
      fail(concat("unknown address family ", value));
    }
    return Family::kIpv4;
  }

  IpAddress address() {
    IpAddress shape = IpAddress::any(family());
    Bytes bytes = reader_.bytes(shape.size());
    if (bytes.empty()) return shape;
    return IpAddress(shape.family(),
                     reinterpret_cast<const std::uint8_t*>(bytes.data()));
  }

  Endpoint endpoint() {
    IpAddress where = address();
    return Endpoint(where, reader_.u16());
  }

  Prefix prefix() {
    IpAddress where = address();
    int length = reader_.u8();
    if (length > where.bits()) {
      fail(concat("prefix length ", length, " of ", where));
      return Prefix(where, where.bits());
    }
    Prefix result(where, length);
    if (result.first() != where) {
      fail(concat("bits set after the prefix of ", where, "/", length));
    }
    return result;
  }

  Rule rule() {
    Prefix where = prefix();
    std::uint16_t first = reader_.u16();
    std::uint16_t last = reader_.u16();
    if (first > last) fail(concat("port range ", first, "-", last));
    std::uint8_t action = choice(1, "action");
    return Rule(where, PortRange(first, last), static_cast<Action>(action));
  }

  std::string interface_name() {
    std::string name(reader_.text(reader_.u8()));
    if (!is_interface_name(name)) {
      fail(concat("interface name '", printable(name, 32), "'"));
    }
    return name;
  }

  std::string name() {
    std::string name(reader_.text(reader_.u8()));
    if (!is_plain_name(name)) fail(concat("name '", printable(name, 80), "'"));
    return name;
  }

  Host host() {
    IpAddress where = address();
    return Host(where, name());
  }

  // A count of at most `limit`, then as many items as `take` yields.
  template <typename Take>
  auto list(std::size_t limit, Take take) {
    return items(reader_.u16(), limit, take);
  }
  template <typename Take>
  auto items(std::size_t count, std::size_t limit, Take take) {
    std::vector<decltype((this->*take)())> items;
    if (count > limit)
      fail(concat("a list of ", count, " with room for ", limit));
    while (items.size() < count && good()) items.push_back((this->*take)());
    return items;
  }

  std::string text(std::size_t limit) {
    std::size_t size = reader_.u16();
    if (size > limit) fail(concat("a text of ", size, " bytes"));
    return std::string(reader_.text(size));
  }

  // Past the end everything reads as zero, which is not what is wrong.
  void fail(std::string what) {
    if (good()) wrong_ = std::move(what);
  }
  bool good() const { return wrong_.empty() && reader_.ok(); }

  // `value` when all was well and nothing is left over.
  template <typename Message, typename Body>
  Result<Message> finish(Body value) {
    if (!wrong_.empty()) return Error(wrong_);
    if (!reader_.ok()) return Error("the message is too short");
    if (!reader_.complete()) return Error("the message is too long");
    return Message(std::move(value));
  }

 private:
  ByteReader reader_;
  std::string wrong_;
};

request::MarkedSocket take_socket(Fields& fields) {
  Family family = fields.family();
  return {family, static_cast<SocketKind>(fields.choice(1, "kind of socket"))};
}

request::SetHosts take_hosts(Fields& fields) {
  bool more = fields.choice(1, "flag") != 0;
  return {more, fields.list(kMaxHosts, &Fields::host)};
}

request::SetResolver take_resolver(Fields& fields) {
  auto domains = fields.items(fields.u8(), kMaxDomains, &Fields::name);
  return {std::move(domains), fields.endpoint()};
}

request::Listen take_listen(Fields& fields) {
  auto purpose = static_cast<Purpose>(fields.choice(2, "purpose"));
  Endpoint endpoint = fields.endpoint();
  if (endpoint.port != 0 && endpoint.port < kFirstListenPort) {
    fields.fail(concat("listener port ", endpoint.port, " is below ",
                       kFirstListenPort));
  }
  return {purpose, endpoint};
}

std::uint32_t take_id(Fields& fields) {
  std::uint32_t id = fields.u32();
  if (id == kNoId) fields.fail("user or group 4294967295");
  return id;
}

request::SetFilters take_filters(Fields& fields) {
  Filters filters;
  std::uint8_t flags = fields.u8();
  if (flags & ~kAllFlags) fields.fail(concat("unknown filter flags ", flags));
  if (flags & kHasUser) filters.user = take_id(fields);
  if (flags & kHasGroup) filters.group = take_id(fields);
  filters.forwarded = flags & kForwarded;
  filters.uplinks = fields.list(kMaxUplinks, &Fields::interface_name);
  filters.lan_interfaces =
      fields.list(kMaxLanInterfaces, &Fields::interface_name);
  filters.lan_prefixes = fields.list(kMaxLanPrefixes, &Fields::prefix);
  return {std::move(filters)};
}

void put_filters(ByteWriter& to, const Filters& filters) {
  to.u8((filters.user ? kHasUser : 0) | (filters.group ? kHasGroup : 0) |
        (filters.forwarded ? kForwarded : 0));
  if (filters.user) to.u32(*filters.user);
  if (filters.group) to.u32(*filters.group);
  put(to, filters.uplinks);
  put(to, filters.lan_interfaces);
  put(to, filters.lan_prefixes);
}

struct RequestWriter {
  ByteWriter& to;

  void type(RequestType value) { to.u8(static_cast<std::uint8_t>(value)); }
  void operator()(const request::Hello& hello) {
    type(RequestType::kHello);
    to.u16(hello.version);
  }
  void operator()(const request::MarkedSocket& socket) {
    type(RequestType::kSocket);
    to.u8(static_cast<std::uint8_t>(socket.family));
    to.u8(static_cast<std::uint8_t>(socket.kind));
  }
  void operator()(const request::Listen& listen) {
    type(RequestType::kListen);
    to.u8(static_cast<std::uint8_t>(listen.purpose));
    put(to, listen.endpoint);
  }
  void operator()(const request::AddRules& add) {
    assert(add.rules.size() <= kMaxRulesInMessage);
    type(RequestType::kRules);
    put(to, add.rules);
  }
  void operator()(const request::SetFilters& set) {
    type(RequestType::kFilters);
    put_filters(to, set.filters);
  }
  void operator()(const request::Install&) { type(RequestType::kInstall); }
  void operator()(const request::NameServers& servers) {
    assert(servers.addresses.size() <= kMaxNameServers);
    type(RequestType::kNameServers);
    put(to, servers.addresses);
  }
  void operator()(const request::ClearRules&) { type(RequestType::kClear); }
  void operator()(const request::SetHosts& set) {
    assert(set.hosts.size() <= kMaxHosts);
    type(RequestType::kHosts);
    to.u8(set.more);
    put(to, set.hosts);
  }
  void operator()(const request::SetResolver& set) {
    assert(set.domains.size() <= kMaxDomains);
    type(RequestType::kResolver);
    to.u8(static_cast<std::uint8_t>(set.domains.size()));
    for (const std::string& domain : set.domains) put(to, domain);
    put(to, set.endpoint);
  }
  void operator()(const request::Diverted& diverted) {
    type(RequestType::kDiverted);
    put(to, diverted.asker);
    put(to, diverted.here);
  }
};

struct AnswerWriter {
  ByteWriter& to;

  void type(AnswerType value) { to.u8(static_cast<std::uint8_t>(value)); }
  void operator()(const answer::Done&) { type(AnswerType::kDone); }
  void operator()(const answer::Failed& failed) {
    type(AnswerType::kFailed);
    std::string_view cut =
        std::string_view(failed.sentence).substr(0, kMaxSentence);
    to.u16(static_cast<std::uint16_t>(cut.size()));
    to.text(cut);
  }
  void operator()(const answer::Listening& listening) {
    type(AnswerType::kListening);
    put(to, listening.endpoint);
  }
  void operator()(const answer::Meant& meant) {
    type(AnswerType::kMeant);
    put(to, meant.endpoint);
  }
};

}  // namespace

bool is_interface_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxInterfaceName) return false;
  if (name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char byte) {
    return byte > ' ' && byte < 0x7f && byte != '/' && byte != ':';
  });
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  return std::all_of(name.begin(), name.end(), [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' ||
           byte == '.';
  });
}

std::vector<std::byte> encode(const Request& request) {
  ByteWriter to;
  std::visit(RequestWriter{to}, request);
  return to.take();
}

std::vector<std::byte> encode(const Answer& answer) {
  ByteWriter to;
  std::visit(AnswerWriter{to}, answer);
  return to.take();
}

Result<Request> decode_request(Bytes message) {
  if (message.size() > kMaxMessage) return Error("the message is too long");
  Fields fields(message);
  std::uint8_t type = fields.u8();
  switch (static_cast<RequestType>(type)) {
    case RequestType::kHello:
      return fields.finish<Request>(request::Hello{fields.u16()});
    case RequestType::kSocket:
      return fields.finish<Request>(take_socket(fields));
    case RequestType::kListen:
      return fields.finish<Request>(take_listen(fields));
    case RequestType::kRules:
      return fields.finish<Request>(
          request::AddRules{fields.list(kMaxRulesInMessage, &Fields::rule)});
    case RequestType::kFilters:
      return fields.finish<Request>(take_filters(fields));
    case RequestType::kInstall:
      return fields.finish<Request>(request::Install{});
    case RequestType::kNameServers:
      return fields.finish<Request>(
          request::NameServers{fields.list(kMaxNameServers, &Fields::address)});
    case RequestType::kClear:
      return fields.finish<Request>(request::ClearRules{});
    case RequestType::kHosts:
      return fields.finish<Request>(take_hosts(fields));
    case RequestType::kResolver:
      return fields.finish<Request>(take_resolver(fields));
    case RequestType::kDiverted: {
      Endpoint asker = fields.endpoint();
      return fields.finish<Request>(
          request::Diverted{asker, fields.endpoint()});
    }
  }
  return Error(concat("unknown request type ", type));
}

Result<Answer> decode_answer(Bytes message) {
  Fields fields(message);
  std::uint8_t type = fields.u8();
  switch (static_cast<AnswerType>(type)) {
    case AnswerType::kDone:
      return fields.finish<Answer>(answer::Done{});
    case AnswerType::kFailed:
      return fields.finish<Answer>(answer::Failed{fields.text(kMaxSentence)});
    case AnswerType::kListening:
      return fields.finish<Answer>(answer::Listening{fields.endpoint()});
    case AnswerType::kMeant:
      return fields.finish<Answer>(answer::Meant{fields.endpoint()});
  }
  return Error(concat("unknown answer type ", type));
}

}  // namespace ginnel::firewall
