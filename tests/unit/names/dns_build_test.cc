// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/dns_build.h"

#include <doctest/doctest.h>

namespace ginnel::dns {
namespace {

using namespace std::chrono_literals;

const std::vector<IpAddress> kBoth = {*IpAddress::parse("10.0.0.1"),
                                      *IpAddress::parse("fd00::1"),
                                      *IpAddress::parse("10.0.0.2")};

TEST_CASE("dns_build: a question that cannot be asked is not made") {
  CHECK_FALSE(make_query(1, "a..b", type::kA));
  CHECK_FALSE(make_query(1, std::string(300, 'a'), type::kA));
  CHECK(make_query(1, "", type::kNs));
}

TEST_CASE("dns_build: own addresses answer what was asked") {
  auto query = *make_query(9, "Host.Example", type::kA);
  auto reply = reply_with_addresses(query, kBoth, 60s);
  CHECK(matches(query, reply));
  CHECK(read_header(reply)->rcode() == Rcode::kNoError);
  CHECK(as_text(read_question(reply)->raw).substr(1, 4) == "Host");
  CHECK(addresses(reply).addresses ==
        std::vector<IpAddress>{kBoth[0], kBoth[2]});
  CHECK(addresses(reply).lasts == 60s);

  query = *make_query(9, "host.example", type::kAaaa);
  reply = reply_with_addresses(query, kBoth, 60s);
  CHECK(addresses(reply).addresses == std::vector<IpAddress>{kBoth[1]});
  query = *make_query(9, "host.example", type::kAny);
  reply = reply_with_addresses(query, kBoth, 60s);
  CHECK(addresses(reply).addresses == kBoth);
}

TEST_CASE("dns_build: a name without what was asked for is no error") {
  auto query = *make_query(9, "host.example", type::kTxt);
  auto reply = reply_with_addresses(query, kBoth, 60s);
  CHECK(read_header(reply)->rcode() == Rcode::kNoError);
  CHECK(read_header(reply)->answers == 0);
}

TEST_CASE("dns_build: EDNS is answered with EDNS, and only then") {
  auto query = *make_query(9, "a", type::kA, 4096);
  query[query.size() - 4] |= std::byte{0x80};  // DO
  auto reply = reply_with_addresses(query, kBoth, 60s);
  CHECK(read_header(reply)->additionals == 1);
  CHECK(udp_size(reply) == kOwnUdpSize);
  CHECK((reply[reply.size() - 4] & std::byte{0x80}) == std::byte{0x80});
  query.resize(query.size() - 11);
  query[11] = std::byte{0};
  reply = reply_with_addresses(query, kBoth, 60s);
  CHECK(read_header(reply)->additionals == 0);
  Records records(reply);
  while (records.next()) continue;
  CHECK_FALSE(records.broken());
}

TEST_CASE("dns_build: a host for an address") {
  auto query = *make_query(9, reverse_name(kBoth[0]), type::kPtr);
  auto reply = reply_with_name(query, "host.example", 60s);
  CHECK(matches(query, reply));
  CHECK(pointed_name(reply) == "host.example");
}

TEST_CASE("dns_build: an error keeps the id, the question and RD") {
  auto query = *make_query(9, "a.example", type::kA);
  auto reply = error_reply(query, Rcode::kServerFailure);
  CHECK(matches(query, reply));
  auto header = *read_header(reply);
  CHECK(header.rcode() == Rcode::kServerFailure);
  CHECK((header.flags & flag::kRecursionDesired) != 0);
  CHECK((header.flags & flag::kRecursionAvailable) != 0);
}

TEST_CASE("dns_build: FORMERR with nothing but the header") {
  auto query = *make_query(9, "a.example", type::kA);
  auto reply = format_error(query);
  CHECK(reply.size() == kHeaderSize);
  CHECK(read_header(reply)->id == 9);
  CHECK(read_header(reply)->is_answer());
  CHECK(read_header(reply)->rcode() == Rcode::kFormatError);
  CHECK(read_header(reply)->questions == 0);
  CHECK(read_header(reply)->additionals == 0);
  CHECK(format_error(Bytes(query).first(kHeaderSize - 1)).empty());
}

TEST_CASE("dns_build: an error to what is hardly a message") {
  CHECK(error_reply(Bytes(), Rcode::kFormatError).empty());
  std::vector<std::byte> cut = *make_query(9, "a.example", type::kA);
  cut.resize(14);
  auto reply = error_reply(cut, Rcode::kFormatError);
  REQUIRE(reply.size() == kHeaderSize);
  CHECK(read_header(reply)->questions == 0);
  CHECK(read_header(reply)->additionals == 0);
}

TEST_CASE("dns_build: what is too large is cut to its question and OPT") {
  auto query = *make_query(9, "a.example", type::kA);
  std::vector<IpAddress> many(100, kBoth[0]);
  auto whole = reply_with_addresses(query, many, 60s);
  CHECK(truncated(whole, whole.size()) == whole);
  auto cut = truncated(whole, whole.size() - 1);
  CHECK(matches(query, cut));
  CHECK(read_header(cut)->is_truncated());
  CHECK(read_header(cut)->answers == 0);
  CHECK(read_header(cut)->rcode() == Rcode::kNoError);
  CHECK(cut.size() == kHeaderSize + read_question(query)->raw.size() + 11);
  CHECK(udp_size(cut) == kOwnUdpSize);
}

TEST_CASE("dns_build: an OPT record that does not fit goes too") {
  auto reply = error_reply(*make_query(9, "a", type::kA), Rcode::kNoError);
  reply[reply.size() - 2] = std::byte{2};  // 512 bytes of options
  reply.resize(reply.size() + 512);
  auto cut = truncated(reply, 512);
  CHECK(cut.size() == kHeaderSize + 7);
  CHECK(read_header(cut)->additionals == 0);
}

TEST_CASE("dns_build: broken answers are cut too") {
  std::vector<std::byte> broken(2000, std::byte{0xff});
  auto cut = truncated(broken, 512);
  CHECK(cut.size() == kHeaderSize);
  CHECK(read_header(cut)->questions == 0);
  CHECK(truncated(Bytes(broken).first(5), 3).size() == 5);
}

}  // namespace
}  // namespace ginnel::dns
