// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/messages.h"

#include <cassert>
#include <cstdint>
#include <span>

#include "base/strings.h"
#include "names/host_name.h"

namespace ginnel::names {
namespace {

constexpr std::uint8_t kOverTcp = 1;

Error malformed(std::string_view what) {
  return Error(std::make_error_code(std::errc::bad_message),
               concat("malformed ", what));
}

void put(ByteWriter& writer, const IpAddress& address) {
  writer.u8(static_cast<std::uint8_t>(address.family()));
  writer.bytes(std::as_bytes(std::span(address.data(), address.size())));
}

void put_text(ByteWriter& writer, const std::string& text) {
  writer.u8(static_cast<std::uint8_t>(text.size()));
  writer.text(text);
}

// Reads like a ByteReader, and tells bytes that are wrong from bytes that are
// not there yet.
class Parser {
 public:
  explicit Parser(Bytes bytes) : reader_(bytes), size_(bytes.size()) {}

  std::uint8_t u8() { return reader_.u8(); }
  std::uint16_t u16() { return reader_.u16(); }
  std::uint32_t u32() { return reader_.u32(); }
  Bytes bytes(std::size_t count) { return reader_.bytes(count); }
  // Whatever comes later: these bytes are wrong.
  void require(bool sound) {
    if (reader_.ok() && !sound) wrong_ = true;
  }

  IpAddress address() {
    auto family = static_cast<Family>(u8());
    require(family == Family::kIpv4 || family == Family::kIpv6);
    if (!going()) return {};
    Bytes at = bytes(family == Family::kIpv4 ? 4 : 16);
    if (!going()) return {};
    return IpAddress(family, reinterpret_cast<const std::uint8_t*>(at.data()));
  }
  Endpoint endpoint() {
    IpAddress where = address();
    return Endpoint(where, u16());
  }
  Prefix prefix() {
    IpAddress where = address();
    int length = u8();
    require(length <= where.bits() && where.masked(length) == where);
    return going() ? Prefix(where, length) : Prefix();
  }
  std::string name() {
    std::size_t length = u8();
    require(length >= 1 && length <= kMaxName);
    std::string text(as_text(bytes(length)));
    require(is_host_name(text));
    return text;
  }

  // Neither wrong nor at the end of what is there.
  bool going() const { return reader_.ok() && !wrong_; }
  bool wrong() const { return wrong_; }
  std::size_t taken() const { return size_ - reader_.rest().size(); }

 private:
  ByteReader reader_;
  std::size_t size_;
  bool wrong_ = false;
};

void parse(Parser& from, LookUp& look_up) {
  std::uint8_t flags = from.u8();
  std::size_t count = from.u8();
  from.require(flags <= kOverTcp && count <= kMaxServers);
  look_up.over_tcp = flags & kOverTcp;
  for (; count > 0 && from.going(); --count) {
    look_up.servers.push_back(from.endpoint());
  }
  Bytes query = from.bytes(from.u16());
  look_up.query.assign(query.begin(), query.end());
}

void parse(Parser& from, Message& message) {
  Bytes bytes = from.bytes(from.u16());
  message.bytes.assign(bytes.begin(), bytes.end());
}

void parse(Parser& from, Addresses& addresses) {
  addresses.status = static_cast<Addresses::Status>(from.u8());
  from.require(addresses.status <= Addresses::Status::kNoAnswer);
  addresses.lasts = std::chrono::seconds(from.u32());
  std::size_t count = from.u16();
  from.require(count <= kMaxAddresses);
  for (; count > 0 && from.going(); --count) {
    addresses.addresses.push_back(from.address());
  }
}

void parse(Parser& from, RouteRecord& record) {
  record.what = static_cast<RouteRecord::What>(from.u8());
  from.require(record.what >= RouteRecord::What::kAdded &&
               record.what <= RouteRecord::What::kComplete);
  if (record.what != RouteRecord::What::kComplete) {
    record.prefix = from.prefix();
  }
}

void parse(Parser& from, NameRecord& record) {
  std::uint8_t what = from.u8();
  from.require(what == 1 || what == 2);
  record.gone = what == 2;
  record.source = static_cast<Source>(from.u8());
  from.require(!to_string(record.source).empty());
  record.address = from.address();
  record.name = from.name();
}

void parse(Parser& from, Seeds& seeds) {
  std::size_t count = from.u16();
  from.require(count <= kMaxSeeds);
  for (; count > 0 && from.going(); --count) {
    seeds.names.push_back(from.name());
  }
}

void parse(Parser& from, Name& name) { name.text = from.name(); }

std::string_view what_it_is(const LookUp&) { return "look-up"; }
std::string_view what_it_is(const Message&) { return "DNS message"; }
std::string_view what_it_is(const Addresses&) { return "list of addresses"; }
std::string_view what_it_is(const RouteRecord&) { return "route"; }
std::string_view what_it_is(const NameRecord&) { return "host name"; }
std::string_view what_it_is(const Seeds&) { return "list of names"; }
std::string_view what_it_is(const Name&) { return "name"; }

}  // namespace

std::string_view to_string(Source source) {
  switch (source) {
    case Source::kHostsFile:
      return "its hosts file";
    case Source::kResolver:
      return "its name servers";
    case Source::kNetBios:
      return "NetBIOS";
    case Source::kMulticastDns:
      return "multicast DNS";
  }
  return {};
}

std::vector<std::byte> encode(const LookUp& look_up) {
  ByteWriter writer;
  writer.u8(look_up.over_tcp ? kOverTcp : 0);
  writer.u8(static_cast<std::uint8_t>(look_up.servers.size()));
  for (const Endpoint& server : look_up.servers) {
    put(writer, server.address);
    writer.u16(server.port);
  }
  writer.u16(static_cast<std::uint16_t>(look_up.query.size()));
  writer.bytes(look_up.query);
  return writer.take();
}

std::vector<std::byte> encode_message(Bytes dns_message) {
  assert(dns_message.size() <= UINT16_MAX);
  ByteWriter writer;
  writer.u16(static_cast<std::uint16_t>(dns_message.size()));
  writer.bytes(dns_message);
  return writer.take();
}

std::vector<std::byte> encode(const Addresses& addresses) {
  ByteWriter writer;
  writer.u8(static_cast<std::uint8_t>(addresses.status));
  writer.u32(static_cast<std::uint32_t>(addresses.lasts.count()));
  writer.u16(static_cast<std::uint16_t>(addresses.addresses.size()));
  for (const IpAddress& address : addresses.addresses) put(writer, address);
  return writer.take();
}

std::vector<std::byte> encode_name(const std::string& name) {
  ByteWriter writer;
  put_text(writer, name);
  return writer.take();
}

std::vector<std::byte> encode(const RouteRecord& record) {
  ByteWriter writer;
  writer.u8(static_cast<std::uint8_t>(record.what));
  if (record.what != RouteRecord::What::kComplete) {
    put(writer, record.prefix.first());
    writer.u8(static_cast<std::uint8_t>(record.prefix.length()));
  }
  return writer.take();
}

std::vector<std::byte> encode(const NameRecord& record) {
  ByteWriter writer;
  writer.u8(record.gone ? 2 : 1);
  writer.u8(static_cast<std::uint8_t>(record.source));
  put(writer, record.address);
  put_text(writer, record.name);
  return writer.take();
}

std::vector<std::byte> encode(const Seeds& seeds) {
  ByteWriter writer;
  writer.u16(static_cast<std::uint16_t>(seeds.names.size()));
  for (const std::string& name : seeds.names) put_text(writer, name);
  return writer.take();
}

template <typename Value>
Result<std::optional<Value>> Reader<Value>::next() {
  Value value;
  Parser parser(Bytes(held_).subspan(taken_));
  parse(parser, value);
  if (parser.wrong()) return malformed(what_it_is(value));
  if (!parser.going()) return std::optional<Value>();
  taken_ += parser.taken();
  return std::optional<Value>(std::move(value));
}

template class Reader<LookUp>;
template class Reader<Message>;
template class Reader<Addresses>;
template class Reader<RouteRecord>;
template class Reader<NameRecord>;
template class Reader<Seeds>;
template class Reader<Name>;

}  // namespace ginnel::names
