// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/dns_message.h"

#include <doctest/doctest.h>

#include "names/dns_build.h"

namespace ginnel::dns {
namespace {

using namespace std::chrono_literals;
using Message = std::vector<std::byte>;

IpAddress address(const char* text) { return *IpAddress::parse(text); }

// An answer put together record by record.
class Answer {
 public:
  explicit Answer(std::string_view name, std::uint16_t type = type::kA)
      : message_(*make_query(7, name, type)) {
    message_.resize(message_.size() - 11);  // without the OPT record
    add_to(2, 0x8180);
    set(10, 0);
  }
  Answer& a(std::string_view owner, const char* where, std::uint32_t ttl) {
    IpAddress to = address(where);
    return record(owner, to.family() == Family::kIpv4 ? type::kA : type::kAaaa,
                  ttl, std::as_bytes(std::span(to.data(), to.size())));
  }
  Answer& named(std::string_view owner, std::uint16_t type,
                std::string_view name, std::uint32_t ttl) {
    ByteWriter data;
    write_name(data, name);
    return record(owner, type, ttl, data.view());
  }
  Answer& record(std::string_view owner, std::uint16_t type, std::uint32_t ttl,
                 Bytes data, std::size_t section = 6,
                 std::uint16_t klass = kInternet) {
    ByteWriter writer;
    write_name(writer, owner);
    writer.u16(type);
    writer.u16(klass);
    writer.u32(ttl);
    writer.u16(static_cast<std::uint16_t>(data.size()));
    writer.bytes(data);
    message_.insert(message_.end(), writer.view().begin(), writer.view().end());
    add_to(section, 1);
    return *this;
  }
  Answer& soa(std::uint32_t ttl, std::uint32_t minimum) {
    ByteWriter data;
    write_name(data, "ns.example");
    write_name(data, "root.example");
    for (std::uint32_t number : {1u, 2u, 3u, 4u, minimum}) data.u32(number);
    return record("example", type::kSoa, ttl, data.view(), 8);
  }
  Message bytes() const { return message_; }

 private:
  void set(std::size_t at, std::uint16_t value) {
    store_be(message_.data() + at, value);
  }
  void add_to(std::size_t at, std::uint16_t value) {
    set(at, static_cast<std::uint16_t>(
                load_be<std::uint16_t>(message_.data() + at) + value));
  }
  Message message_;
};

std::string found(const Message& answer, std::size_t limit = 64) {
  std::string text;
  Addresses all = addresses(answer, limit);
  for (auto& one : all.addresses) text += to_string(one) + ' ';
  return text + std::to_string(all.lasts.count());
}

TEST_CASE("dns_message: a question is read as it was sent, and comparable") {
  auto query = *make_query(0x1234, "WwW.Example", type::kAaaa, 4096);
  auto header = *read_header(query);
  CHECK(header.id == 0x1234);
  CHECK_FALSE(header.is_answer());
  auto question = *read_question(query);
  CHECK(question.name == "www.example");
  CHECK(question.type == type::kAaaa);
  CHECK(question.klass == kInternet);
  CHECK(as_text(question.raw).substr(1, 3) == "WwW");
  CHECK(question.raw.size() == 17);
  CHECK(udp_size(query) == 4096);
  CHECK(is_query(query));
}

TEST_CASE("dns_message: cut anywhere, a question is none and nothing breaks") {
  auto query = *make_query(1, "www.example", type::kA);
  for (std::size_t cut = 0; cut < query.size() - 11; ++cut) {
    CAPTURE(cut);
    CHECK_FALSE(is_query(Bytes(query).first(cut)));
  }
  auto answer = Answer("a.example").a("a.example", "10.0.0.1", 5).bytes();
  for (std::size_t cut = 0; cut < answer.size(); ++cut) {
    CAPTURE(cut);
    CHECK(found({answer.begin(), answer.begin() + cut}) == "0");
  }
}

TEST_CASE("dns_message: of a broken answer nothing counts") {
  auto answer = Answer("a")
                    .a("a", "10.0.0.1", 5)
                    .named("a", type::kPtr, "b", 5)
                    .a("a", "10.0.0.2", 5)
                    .bytes();
  CHECK(pointed_name(answer) == "b");
  answer.pop_back();
  CHECK(found(answer) == "0");
  CHECK_FALSE(pointed_name(answer));
}

TEST_CASE("dns_message: answers and crowds of questions are no query") {
  auto query = *make_query(1, "a", type::kA);
  query[2] |= std::byte{0x80};
  CHECK_FALSE(is_query(query));
  query = *make_query(1, "a", type::kA);
  query[5] = std::byte{2};
  CHECK_FALSE(is_query(query));
  query[5] = std::byte{0};
  CHECK_FALSE(is_query(query));
}

TEST_CASE("dns_message: an answer belongs to its question") {
  auto query = *make_query(7, "a.Example", type::kA);
  auto answer = Answer("a.example").a("a.example", "10.0.0.1", 5).bytes();
  CHECK(matches(query, answer));
  CHECK_FALSE(matches(query, query));
  CHECK_FALSE(matches(*make_query(8, "a.example", type::kA), answer));
  CHECK_FALSE(matches(*make_query(7, "b.example", type::kA), answer));
  CHECK_FALSE(matches(*make_query(7, "a.example", type::kAaaa), answer));
  CHECK_FALSE(matches(query, Bytes(answer).first(15)));
  Message chaos = query;
  chaos[12 + 11 + 3] = std::byte{3};
  CHECK_FALSE(matches(chaos, answer));
  CHECK_FALSE(matches(query, Bytes()));
  answer[2] |= std::byte{0x28};  // another opcode
  CHECK_FALSE(matches(query, answer));
}

TEST_CASE("dns_message: only an error may leave the question out") {
  auto query = *make_query(7, "a.example", type::kA);
  auto bare = error_reply(query, Rcode::kFormatError);
  bare.resize(kHeaderSize);
  bare[5] = bare[11] = std::byte{0};
  CHECK(matches(query, bare));
  bare[3] = std::byte{0};
  CHECK_FALSE(matches(query, bare));
  bare[3] = std::byte{3};
  CHECK_FALSE(matches(query, bare));
}

TEST_CASE("dns_message: how much an asker takes") {
  CHECK(udp_size(*make_query(1, "a", type::kA, 100)) == 512);
  CHECK(udp_size(*make_query(1, "a", type::kA, 1232)) == 1232);
  auto plain = *make_query(1, "a", type::kA);
  plain.resize(plain.size() - 11);
  plain[11] = std::byte{0};
  CHECK(udp_size(plain) == 512);
  CHECK(udp_size(Bytes()) == 512);
}

TEST_CASE("dns_message: addresses, their families and the least TTL") {
  auto answer = Answer("a.example")
                    .a("A.example", "10.0.0.1", 300)
                    .a("a.example", "fd00::1", 20)
                    .a("a.example", "10.0.0.1", 300)
                    .a("other.example", "10.9.9.9", 1);
  CHECK(found(answer.bytes()) == "10.0.0.1 fd00::1 20");
  CHECK(found(answer.bytes(), 1) == "10.0.0.1 20");
}

TEST_CASE("dns_message: aliases are followed in any order, but not round") {
  CHECK(found(Answer("a.x")
                  .a("c.x", "10.0.0.3", 300)
                  .named("b.x", type::kCname, "c.x", 30)
                  .named("a.x", type::kCname, "B.x", 60)
                  .bytes()) == "10.0.0.3 30");
  CHECK(found(Answer("a.x")
                  .named("a.x", type::kCname, "b.x", 60)
                  .named("b.x", type::kCname, "a.x", 60)
                  .a("c.x", "10.0.0.3", 300)
                  .bytes()) == "0");
  Answer chain("0");
  for (int i = 0; i < 20; ++i) {
    chain.named(std::to_string(i), type::kCname, std::to_string(i + 1), 9);
  }
  CHECK(found(chain.a("20", "10.0.0.3", 300).bytes()) == "0");
}

TEST_CASE("dns_message: what is no address is not taken for one") {
  ByteWriter five;
  five.u32(0x0a000001);
  five.u8(0);
  CHECK(found(Answer("a").record("a", type::kA, 5, five.view()).bytes()) ==
        "0");
  CHECK(found(Answer("a")
                  .record("a", type::kA, 5, five.view().first(4), 6, 3)
                  .bytes()) == "0");
  CHECK(found(Answer("a")
                  .record("a", type::kA, 5, five.view().first(4), 10)
                  .bytes()) == "0");
  CHECK(found(Answer("a").a("a", "10.0.0.1", 0x80000000).bytes()) ==
        "10.0.0.1 0");
}

TEST_CASE("dns_message: how long there are no addresses") {
  CHECK(found(Answer("a").soa(60, 300).bytes()) == "60");
  CHECK(found(Answer("a").soa(600, 300).bytes()) == "300");
  CHECK(found(Answer("a").bytes()) == "0");
}

TEST_CASE("dns_message: the host behind an address") {
  CHECK(pointed_name(
            Answer("1.0.0.10.in-addr.arpa", type::kPtr)
                .named("1.0.0.10.in-addr.arpa", type::kPtr, "Host.Example", 5)
                .bytes()) == "host.example");
  CHECK_FALSE(pointed_name(Answer("1.0.0.10.in-addr.arpa").bytes()));
}

TEST_CASE("dns_message: records know where they lie, and their section") {
  auto answer = Answer("a").a("a", "10.0.0.1", 5).soa(60, 300).bytes();
  Records records(answer);
  auto first = *records.next();
  CHECK(records.section() == Records::Section::kAnswer);
  CHECK(first.start == kHeaderSize + 7);
  CHECK(first.size == 4);
  auto second = *records.next();
  CHECK(records.section() == Records::Section::kAuthority);
  CHECK(second.start == first.data + first.size);
  CHECK_FALSE(records.next());
  CHECK_FALSE(records.broken());
  answer[7] = std::byte{2};  // more answers than there are
  Records more(answer);
  while (more.next()) continue;
  CHECK(more.broken());
}

}  // namespace
}  // namespace ginnel::dns
