// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/netbios.h"

#include <algorithm>

#include "names/dns_message.h"
#include "names/dns_name.h"
#include "names/host_name.h"

namespace ginnel::netbios {
namespace {

constexpr std::uint16_t kName = 0x20;    // NB
constexpr std::uint16_t kStatus = 0x21;  // NBSTAT
constexpr std::uint16_t kBroadcast = 0x0010;
constexpr std::size_t kText = 15;  // of a name's sixteen bytes
constexpr std::uint16_t kGroup = 0x8000;
constexpr std::uint16_t kActive = 0x0400;

// A name of sixteen bytes, two letters a byte (section 4.1).
void write_name(ByteWriter& writer, std::string_view name) {
  writer.u8(static_cast<std::uint8_t>(2 * name.size()));
  for (char byte : name) {
    auto value = static_cast<std::uint8_t>(byte);
    writer.u8(static_cast<std::uint8_t>('A' + (value >> 4)));
    writer.u8(static_cast<std::uint8_t>('A' + (value & 15)));
  }
  writer.u8(0);
}

std::vector<std::byte> query(std::uint16_t id, std::uint16_t flags,
                             std::string_view name, std::uint16_t type) {
  ByteWriter writer;
  writer.u16(id);
  writer.u16(flags);
  writer.u16(1);
  writer.u16(0);
  writer.u32(0);
  write_name(writer, name);
  writer.u16(type);
  writer.u16(dns::kInternet);
  return writer.take();
}

// What a status answer's record holds (section 4.2.18).
bool read_names(Bytes data, Answer& answer) {
  ByteReader reader(data);
  std::size_t count = std::min<std::size_t>(reader.u8(), kMaxNames);
  for (; count > 0 && reader.ok(); --count) {
    Name name;
    name.text = reader.text(kText);
    name.suffix = reader.u8();
    std::uint16_t flags = reader.u16();
    name.group = flags & kGroup;
    std::size_t size = name.text.find_last_not_of(std::string_view("\0 ", 2));
    name.text.resize(size == std::string::npos ? 0 : size + 1);
    if (reader.ok() && (flags & kActive)) {
      answer.names.push_back(std::move(name));
    }
  }
  return reader.ok();
}

}  // namespace

std::vector<std::byte> status_query(std::uint16_t id) {
  std::string any(16, '\0');
  any[0] = '*';
  return query(id, 0, any, kStatus);
}

std::vector<std::byte> name_query(std::uint16_t id, std::string_view name,
                                  std::uint8_t suffix) {
  std::string padded(name.substr(0, kText));
  padded.resize(kText, ' ');
  padded += static_cast<char>(suffix);
  return query(id, dns::flag::kRecursionDesired | kBroadcast, padded, kName);
}

std::optional<Answer> parse_answer(Bytes message) {
  auto header = dns::read_header(message);
  if (!header || !header->is_answer() || header->opcode() != 0 ||
      header->rcode() != dns::Rcode::kNoError || header->answers == 0) {
    return {};
  }
  auto record = dns::Records(message).next();
  if (!record || record->klass != dns::kInternet) return {};
  Answer answer;
  answer.id = header->id;
  if (record->type == kName) return answer;
  if (record->type != kStatus) return {};
  answer.status = true;
  if (!read_names(message.subspan(record->data, record->size), answer)) {
    return {};
  }
  return answer;
}

std::optional<std::string> host_name(const Answer& answer) {
  for (std::uint8_t wanted : {suffix::kServer, suffix::kWorkstation}) {
    for (const Name& name : answer.names) {
      if (name.group || name.suffix != wanted) continue;
      std::string lowered = dns::lower_case(name.text);
      if (is_strict_host_name(lowered)) return lowered;
    }
  }
  return {};
}

std::optional<std::string> workgroup(const Answer& answer) {
  for (const Name& name : answer.names) {
    if (name.group && name.suffix == suffix::kWorkstation &&
        !name.text.empty()) {
      return name.text;
    }
  }
  return {};
}

}  // namespace ginnel::netbios
