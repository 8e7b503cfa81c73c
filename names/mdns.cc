// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/mdns.h"

#include <optional>
#include <utility>

namespace ginnel::mdns {
namespace {

// The top bit of a record's class (section 10.2).
constexpr std::uint16_t kFlush = 0x8000;
// In front of an SRV record's target: priority, weight and port.
constexpr std::size_t kBeforeTarget = 6;

void write_class(ByteWriter& writer, std::uint16_t type) {
  writer.u16(type);
  writer.u16(dns::kInternet);
}

bool read_address(Bytes data, Family family, Record& record) {
  if (data.size() != IpAddress::any(family).size()) return false;
  record.address =
      IpAddress(family, reinterpret_cast<const std::uint8_t*>(data.data()));
  return true;
}

bool read_target(Bytes message, const dns::Record& from, std::size_t skip,
                 Record& record) {
  if (from.size < skip) return false;
  auto name = dns::read_name(message, from.data + skip);
  if (!name || name->end > from.data + from.size) return false;
  record.target = std::move(name->text);
  return true;
}

std::optional<Record> read(Bytes message, dns::Record& from) {
  Record record;
  record.flush = from.klass & kFlush;
  record.type = from.type;
  record.ttl = from.ttl;
  if ((from.klass & ~kFlush) != dns::kInternet) return {};
  Bytes data = message.subspan(from.data, from.size);
  bool sound = false;
  switch (from.type) {
    case dns::type::kA:
      sound = read_address(data, Family::kIpv4, record);
      break;
    case dns::type::kAaaa:
      sound = read_address(data, Family::kIpv6, record);
      break;
    case dns::type::kPtr:
      sound = read_target(message, from, 0, record);
      break;
    case dns::type::kSrv:
      sound = read_target(message, from, kBeforeTarget, record);
      break;
  }
  if (!sound) return {};
  record.name = std::move(from.owner);
  return record;
}

}  // namespace

Endpoint group(Family family) {
  static const IpAddress ipv4 = *IpAddress::parse("224.0.0.251");
  static const IpAddress ipv6 = *IpAddress::parse("ff02::fb");
  return Endpoint(family == Family::kIpv4 ? ipv4 : ipv6, kPort);
}

QueryBuilder::QueryBuilder(std::uint16_t id) {
  message_.u16(id);
  for (int i = 0; i < 5; ++i) message_.u16(0);
}

bool QueryBuilder::append(ByteWriter&& part, std::uint16_t& count) {
  if (message_.size() + part.size() > kMaxQuery) return false;
  message_.bytes(part.view());
  ++count;
  return true;
}

bool QueryBuilder::ask(const Question& question) {
  ByteWriter part;
  if (!dns::write_name(part, question.name)) return false;
  write_class(part, question.type);
  return append(std::move(part), questions_);
}

bool QueryBuilder::know(const Pointer& pointer) {
  ByteWriter part;
  ByteWriter target;
  if (!dns::write_name(part, pointer.name) ||
      !dns::write_name(target, pointer.target)) {
    return false;
  }
  write_class(part, dns::type::kPtr);
  part.u32(pointer.ttl);
  part.u16(static_cast<std::uint16_t>(target.size()));
  part.bytes(target.view());
  return append(std::move(part), answers_);
}

std::vector<std::byte> QueryBuilder::take() {
  std::vector<std::byte> bytes = message_.take();
  store_be(bytes.data() + 4, questions_);
  store_be(bytes.data() + 6, answers_);
  return bytes;
}

std::vector<std::byte> make_query(std::uint16_t id,
                                  std::span<const Question> questions) {
  QueryBuilder builder(id);
  for (const Question& question : questions) builder.ask(question);
  return builder.take();
}

std::vector<Record> records(Bytes message) {
  std::vector<Record> found;
  dns::Records all(message);
  for (std::size_t i = 0; i < kMaxRecords; ++i) {
    auto record = all.next();
    if (!record) break;
    if (all.section() == dns::Records::Section::kAuthority) continue;
    if (auto sound = read(message, *record)) found.push_back(*std::move(sound));
  }
  return found;
}

}  // namespace ginnel::mdns
