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
};

enum class AnswerType : std::uint8_t {
  kDone = 1,
  kFailed = 2,
  kListening = 3,
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
  assert(name.size() <= kMaxInterfaceName);
  to.u8(static_cast<std::uint8_t>(name.size()));
  to.text(name);
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

  std::uint8_t u8() { return reader_.u8(); }
  std::uint16_t u16() { return reader_.u16(); }
  std::uint32_t u32() { return reader_.u32(); }

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
    std::uint8_t action = reader_.u8();
    if (first > last) fail(concat("port range ", first, "-", last));
    if (action > 1) fail(concat("unknown action ", action));
    return Rule(where, PortRange(first, last), static_cast<Action>(action));
  }

  std::string interface_name() {
    std::string name(reader_.text(reader_.u8()));
    if (!is_interface_name(name)) {
      fail(concat("interface name '", printable(name, 32), "'"));
    }
    return name;
  }

  // A count of at most `limit`, then as many items as `take` yields.
  template <typename Take>
  auto list(std::size_t limit, Take take) {
    std::vector<decltype((this->*take)())> items;
    std::size_t count = reader_.u16();
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
  template <typename Message>
  Result<Message> finish(Message value) {
    if (!wrong_.empty()) return Error(wrong_);
    if (!reader_.ok()) return Error("the message is too short");
    if (!reader_.complete()) return Error("the message is too long");
    return value;
  }

 private:
  ByteReader reader_;
  std::string wrong_;
};

request::Listen take_listen(Fields& fields) {
  Endpoint endpoint = fields.endpoint();
  if (endpoint.port != 0 && endpoint.port < kFirstListenPort) {
    fields.fail(concat("listener port ", endpoint.port, " is below ",
                       kFirstListenPort));
  }
  return {endpoint};
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
  }
  void operator()(const request::Listen& listen) {
    type(RequestType::kListen);
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
};

}  // namespace

bool is_interface_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxInterfaceName) return false;
  if (name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char byte) {
    return byte > ' ' && byte < 0x7f && byte != '/' && byte != ':';
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
      return fields.finish<Request>(request::MarkedSocket{fields.family()});
    case RequestType::kListen:
      return fields.finish<Request>(take_listen(fields));
    case RequestType::kRules:
      return fields.finish<Request>(
          request::AddRules{fields.list(kMaxRulesInMessage, &Fields::rule)});
    case RequestType::kFilters:
      return fields.finish<Request>(take_filters(fields));
    case RequestType::kInstall:
      return fields.finish<Request>(request::Install{});
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
  }
  return Error(concat("unknown answer type ", type));
}

}  // namespace ginnel::firewall
