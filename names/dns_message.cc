// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/dns_message.h"

#include <algorithm>

namespace ginnel::dns {
namespace {

// Further than any resolver follows (BIND: 16).
constexpr std::size_t kMaxAliases = 16;
constexpr std::size_t kFixedRecord = 10;  // type, class, TTL, length

std::uint16_t at16(Bytes message, std::size_t offset) {
  return load_be<std::uint16_t>(message.data() + offset);
}
std::uint32_t at32(Bytes message, std::size_t offset) {
  return load_be<std::uint32_t>(message.data() + offset);
}

// A TTL with its top bit set means zero (RFC 2181 section 8).
std::uint32_t sound_ttl(std::uint32_t ttl) { return ttl >> 31 ? 0 : ttl; }

// An answer in an error may come without the question.
bool may_be_bare(Rcode rcode) {
  return rcode == Rcode::kFormatError || rcode == Rcode::kServerFailure ||
         rcode == Rcode::kNotImplemented || rcode == Rcode::kRefused;
}

// The answer section's records of one class, and an SOA's say.
struct Answers {
  std::vector<Record> records;
  std::uint32_t negative_ttl = 0;
  bool broken = false;
};

bool holds_soa_numbers(const Record& record) { return record.size >= 22; }

Answers read_answers(Bytes message) {
  Answers answers;
  Records records(message);
  while (auto record = records.next()) {
    if (records.section() == Records::Section::kAdditional) break;
    if (record->klass != kInternet) continue;
    if (records.section() == Records::Section::kAnswer) {
      answers.records.push_back(*std::move(record));
    } else if (record->type == type::kSoa && holds_soa_numbers(*record)) {
      std::uint32_t least = at32(message, record->data + record->size - 4u);
      answers.negative_ttl = std::min(sound_ttl(record->ttl), sound_ttl(least));
    }
  }
  answers.broken = records.broken();
  return answers;
}

// `name` and what it is an alias of, in order; the TTL is lowered to those of
// the aliases.
std::vector<std::string> aliases(Bytes message,
                                 const std::vector<Record>& records,
                                 std::string name, std::uint32_t& ttl) {
  std::vector<std::string> chain = {std::move(name)};
  while (chain.size() <= kMaxAliases) {
    auto alias =
        std::find_if(records.begin(), records.end(), [&](const Record& record) {
          return record.type == type::kCname && record.owner == chain.back();
        });
    if (alias == records.end()) break;
    auto target = read_name(message, alias->data);
    if (!target || std::count(chain.begin(), chain.end(), target->text)) break;
    ttl = std::min(ttl, sound_ttl(alias->ttl));
    chain.push_back(std::move(target->text));
  }
  return chain;
}

std::optional<IpAddress> address_of(Bytes message, const Record& record) {
  bool ipv4 = record.type == type::kA && record.size == 4;
  bool ipv6 = record.type == type::kAaaa && record.size == 16;
  if (!ipv4 && !ipv6) return {};
  return IpAddress(
      ipv4 ? Family::kIpv4 : Family::kIpv6,
      reinterpret_cast<const std::uint8_t*>(message.data() + record.data));
}

constexpr std::uint32_t kForever = 0x7fffffff;

}  // namespace

std::optional<Header> read_header(Bytes message) {
  ByteReader reader(message);
  Header header;
  for (auto* field :
       {&header.id, &header.flags, &header.questions, &header.answers,
        &header.authorities, &header.additionals}) {
    *field = reader.u16();
  }
  if (!reader.ok()) return {};
  return header;
}

std::optional<Question> read_question(Bytes message) {
  auto header = read_header(message);
  if (!header || header->questions == 0) return {};
  auto name = read_name(message, kHeaderSize);
  if (!name || name->end + 4 > message.size()) return {};
  Question question;
  question.name = std::move(name->text);
  question.type = at16(message, name->end);
  question.klass = at16(message, name->end + 2);
  question.raw = message.subspan(kHeaderSize, name->end + 4 - kHeaderSize);
  return question;
}

Records::Records(Bytes message) : message_(message) {
  auto header = read_header(message);
  broken_ = !header;
  if (!header) return;
  offset_ = kHeaderSize;
  for (int i = 0; i < header->questions && !broken_; ++i) {
    auto end = end_of_name(message_, offset_);
    broken_ = !end || *end + 4 > message_.size();
    if (!broken_) offset_ = *end + 4;
  }
  left_[0] = header->answers;
  left_[1] = header->authorities;
  left_[2] = header->additionals;
}

std::optional<Record> Records::next() {
  auto section = static_cast<std::size_t>(section_);
  while (section < 2 && left_[section] == 0) ++section;
  section_ = static_cast<Section>(section);
  if (broken_ || left_[section] == 0) return {};
  --left_[section];
  auto owner = read_name(message_, offset_);
  broken_ = !owner || owner->end + kFixedRecord > message_.size();
  if (broken_) return {};
  Record record;
  record.owner = std::move(owner->text);
  record.type = at16(message_, owner->end);
  record.klass = at16(message_, owner->end + 2);
  record.ttl = at32(message_, owner->end + 4);
  record.start = offset_;
  record.data = owner->end + kFixedRecord;
  record.size = at16(message_, record.data - 2);
  offset_ = record.data + record.size;
  broken_ = offset_ > message_.size();
  if (broken_) return {};
  return record;
}

bool is_query(Bytes message) {
  auto header = read_header(message);
  return header && !header->is_answer() && header->questions == 1 &&
         read_question(message).has_value();
}

bool matches(Bytes query, Bytes answer) {
  auto asked = read_header(query);
  auto said = read_header(answer);
  if (!asked || !said || !said->is_answer() || said->id != asked->id ||
      said->opcode() != asked->opcode()) {
    return false;
  }
  if (said->questions == 0) return may_be_bare(said->rcode());
  auto question = read_question(query);
  auto same = read_question(answer);
  return said->questions == 1 && question && same &&
         question->name == same->name && question->type == same->type &&
         question->klass == same->klass;
}

std::size_t udp_size(Bytes query) {
  Records records(query);
  while (auto record = records.next()) {
    if (record->type == type::kOpt &&
        records.section() == Records::Section::kAdditional) {
      return std::max<std::size_t>(record->klass, kPlainUdpSize);
    }
  }
  return kPlainUdpSize;
}

Addresses addresses(Bytes answer, std::size_t limit) {
  Addresses found;
  auto question = read_question(answer);
  Answers answers = read_answers(answer);
  if (!question || answers.broken) return found;
  std::uint32_t ttl = kForever;
  auto chain = aliases(answer, answers.records, question->name, ttl);
  for (const Record& record : answers.records) {
    auto address = address_of(answer, record);
    if (!address || record.owner != chain.back()) continue;
    ttl = std::min(ttl, sound_ttl(record.ttl));
    auto& list = found.addresses;
    if (list.size() < limit && !std::count(list.begin(), list.end(), *address))
      list.push_back(*address);
  }
  found.lasts = std::chrono::seconds(
      found.addresses.empty() ? answers.negative_ttl : ttl);
  return found;
}

std::optional<std::string> pointed_name(Bytes answer) {
  auto question = read_question(answer);
  Answers answers = read_answers(answer);
  if (!question || answers.broken) return {};
  std::uint32_t ttl = kForever;
  auto chain = aliases(answer, answers.records, question->name, ttl);
  for (const Record& record : answers.records) {
    if (record.type != type::kPtr || record.owner != chain.back()) continue;
    auto name = read_name(answer, record.data);
    if (name) return std::move(name->text);
  }
  return {};
}

}  // namespace ginnel::dns
