// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/dns_build.h"

#include <algorithm>

namespace ginnel::dns {
namespace {

constexpr std::uint16_t kQuestionAt = kHeaderSize;
constexpr std::uint16_t kPointerToQuestion = 0xc000 | kQuestionAt;
constexpr std::uint32_t kDnssecOk = 0x8000;  // in an OPT record's TTL

std::optional<Record> opt_of(Bytes message) {
  Records records(message);
  while (auto record = records.next()) {
    if (record->type == type::kOpt && record->owner.empty()) return record;
  }
  return {};
}

void write(ByteWriter& writer, const Header& header) {
  for (auto field : {header.id, header.flags, header.questions, header.answers,
                     header.authorities, header.additionals}) {
    writer.u16(field);
  }
}

void write_opt(ByteWriter& writer, std::uint16_t take, std::uint32_t flags) {
  writer.u8(0);  // the root
  writer.u16(type::kOpt);
  writer.u16(take);
  writer.u32(flags);
  writer.u16(0);
}

// Begins an answer to `query`, up to its question.
void begin_reply(ByteWriter& writer, Bytes query, Rcode rcode,
                 std::size_t answers) {
  auto header = *read_header(query);
  auto question = read_question(query);
  header.flags = static_cast<std::uint16_t>(
      flag::kAnswer | flag::kRecursionAvailable |
      (header.flags & (flag::kOpcode | flag::kRecursionDesired)) |
      static_cast<unsigned>(rcode));
  header.questions = question ? 1 : 0;
  header.answers = static_cast<std::uint16_t>(answers);
  header.authorities = 0;
  header.additionals = opt_of(query) ? 1 : 0;
  write(writer, header);
  if (question) writer.bytes(question->raw);
}

void end_reply(ByteWriter& writer, Bytes query) {
  auto opt = opt_of(query);
  if (opt) write_opt(writer, kOwnUdpSize, opt->ttl & kDnssecOk);
}

void write_record(ByteWriter& writer, std::uint16_t type,
                  std::chrono::seconds lasts, Bytes data) {
  writer.u16(kPointerToQuestion);
  writer.u16(type);
  writer.u16(kInternet);
  writer.u32(static_cast<std::uint32_t>(lasts.count()));
  writer.u16(static_cast<std::uint16_t>(data.size()));
  writer.bytes(data);
}

std::uint16_t type_of(const IpAddress& address) {
  return address.family() == Family::kIpv4 ? type::kA : type::kAaaa;
}

}  // namespace

std::optional<std::vector<std::byte>> make_query(std::uint16_t id,
                                                 std::string_view name,
                                                 std::uint16_t type,
                                                 std::uint16_t take) {
  ByteWriter writer;
  Header header;
  header.id = id;
  header.flags = flag::kRecursionDesired;
  header.questions = 1;
  header.additionals = 1;
  write(writer, header);
  if (!write_name(writer, name)) return {};
  writer.u16(type);
  writer.u16(kInternet);
  write_opt(writer, take, 0);
  return writer.take();
}

std::vector<std::byte> reply_with_addresses(
    Bytes query, std::span<const IpAddress> addresses,
    std::chrono::seconds lasts) {
  std::uint16_t wanted = read_question(query)->type;
  auto is_wanted = [&](const IpAddress& address) {
    return wanted == type::kAny || wanted == type_of(address);
  };
  ByteWriter writer;
  auto count = std::count_if(addresses.begin(), addresses.end(), is_wanted);
  begin_reply(writer, query, Rcode::kNoError, static_cast<std::size_t>(count));
  for (const IpAddress& address : addresses) {
    if (!is_wanted(address)) continue;
    write_record(writer, type_of(address), lasts,
                 std::as_bytes(std::span(address.data(), address.size())));
  }
  end_reply(writer, query);
  return writer.take();
}

std::vector<std::byte> reply_with_name(Bytes query, std::string_view host,
                                       std::chrono::seconds lasts) {
  ByteWriter writer;
  ByteWriter data;
  write_name(data, host);
  begin_reply(writer, query, Rcode::kNoError, 1);
  write_record(writer, type::kPtr, lasts, data.view());
  end_reply(writer, query);
  return writer.take();
}

std::vector<std::byte> error_reply(Bytes query, Rcode why) {
  if (!read_header(query)) return {};
  ByteWriter writer;
  begin_reply(writer, query, why, 0);
  end_reply(writer, query);
  return writer.take();
}

std::vector<std::byte> format_error(Bytes query) {
  Bytes header = query.first(std::min(query.size(), kHeaderSize));
  return error_reply(header, Rcode::kFormatError);
}

std::vector<std::byte> truncated(Bytes answer, std::size_t size) {
  auto header = read_header(answer);
  if (answer.size() <= size || !header) return {answer.begin(), answer.end()};
  auto question = read_question(answer);
  auto opt = opt_of(answer);
  std::size_t whole = kHeaderSize + (question ? question->raw.size() : 0);
  Bytes opt_bytes;
  if (opt && whole + (opt->data + opt->size - opt->start) <= size) {
    opt_bytes = answer.subspan(opt->start, opt->data + opt->size - opt->start);
  }
  header->flags |= flag::kTruncated;
  header->questions = question ? 1 : 0;
  header->answers = header->authorities = 0;
  header->additionals = opt_bytes.empty() ? 0 : 1;
  ByteWriter writer;
  write(writer, *header);
  if (question) writer.bytes(question->raw);
  writer.bytes(opt_bytes);
  return writer.take();
}

void set_id(MutableBytes message, std::uint16_t id) {
  store_be(message.data(), id);
}

}  // namespace ginnel::dns
