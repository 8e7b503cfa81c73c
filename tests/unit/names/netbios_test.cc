// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/netbios.h"

#include <doctest/doctest.h>

#include "base/strings.h"

namespace ginnel::netbios {
namespace {

// RFC 1002's worked form: "*" and fifteen zeros, two letters a byte.
constexpr const char* kAny =
    "20434b41414141414141414141414141414141414141414141414141414141414100";

std::string u16(unsigned number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

// A node status answer: each name is 15 characters, its suffix, and flags.
class Status {
 public:
  Status& name(std::string text, std::uint8_t suffix, std::uint16_t flags) {
    text.resize(15, ' ');
    names_ += text + static_cast<char>(suffix) + u16(flags);
    return *this;
  }
  std::vector<std::byte> bytes(std::uint16_t flags = 0x8400,
                               std::uint16_t type = 0x21) const {
    std::string statistics(46, '\0');
    std::string data =
        static_cast<char>(names_.size() / 18) + names_ + statistics;
    std::string owner(as_text(status_query(0)).substr(12, 34));
    std::string whole = u16(7) + u16(flags) + u16(0) + u16(1) + u16(0) +
                        u16(0) + owner + u16(type) + u16(1) + u16(0) + u16(0) +
                        u16(static_cast<unsigned>(data.size())) + data;
    Bytes bytes = as_bytes(whole);
    return {bytes.begin(), bytes.end()};
  }

 private:
  std::string names_;
};

constexpr std::uint16_t kActive = 0x0400, kGroup = 0x8400;

std::string host(const Status& status) {
  auto answer = parse_answer(status.bytes());
  REQUIRE(answer.has_value());
  return host_name(*answer).value_or("-");
}

TEST_CASE("netbios: queries as RFC 1002 has them") {
  CHECK(hexadecimal(status_query(0x1234)) ==
        concat("123400000001000000000000", kAny, "00210001"));
  // "WORKGROUP" padded with spaces, then 0x1d.
  CHECK(hexadecimal(name_query(0x1234, "WORKGROUP", suffix::kMasterBrowser)) ==
        concat("123401100001000000000000",
               "20464845504643454c45484643455046464641"
               "434143414341434143414341424e00",
               "00200001"));
  CHECK(name_query(1, "A_NAME_OF_MORE_THAN_FIFTEEN", 0).size() == 50);
  CHECK(name_query(1, kEveryMaster, suffix::kBrowseMasters).size() == 50);
}

TEST_CASE("netbios: a host is called what its server or workstation is") {
  CHECK(host(Status()
                 .name("WORKGROUP", 0x00, kGroup)
                 .name("Disk-1", 0x00, kActive)
                 .name("DISK-2", 0x20, kActive)) == "disk-2");
  CHECK(
      host(Status().name("USER", 0x03, kActive).name("DISK", 0x00, kActive)) ==
      "disk");
  CHECK(host(Status().name("GROUP", 0x20, kGroup)) == "-");
  CHECK(host(Status().name("GOING", 0x20, 0)) == "-");
  CHECK(host(Status().name("NOT A NAME", 0x20, kActive)) == "-");
  CHECK(host(Status().name("UNDER_SCORE", 0x20, kActive)) == "-");
  CHECK(host(Status().name("", 0x20, kActive)) == "-");
  CHECK(host(Status().name(std::string("A\0B", 3), 0x20, kActive)) == "-");
  CHECK(host(Status()) == "-");
  auto answer = parse_answer(
      Status().name("DISK", 0x00, kActive).name("HOME", 0x00, kGroup).bytes());
  REQUIRE(answer.has_value());
  CHECK(workgroup(*answer) == "HOME");
  CHECK(answer->status);
  CHECK(answer->id == 7);
}

TEST_CASE("netbios: queries, refusals and other records are no answers") {
  Status status;
  status.name("DISK", 0x00, kActive);
  CHECK(!parse_answer(status.bytes(0)));
  CHECK(!parse_answer(status.bytes(0x8403)));
  CHECK(!parse_answer(status.bytes(0xa800)));
  CHECK(!parse_answer(status.bytes(0x8400, 0x0a)));
  auto name = parse_answer(status.bytes(0x8500, 0x20));
  REQUIRE(name.has_value());
  CHECK(!name->status);
  CHECK(!parse_answer(status_query(1)));
}

TEST_CASE("netbios: a count that lies, and what is cut anywhere") {
  auto whole = Status().name("DISK", 0x00, kActive).bytes();
  std::size_t names_end = whole.size() - 46;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK(!parse_answer(Bytes(whole).first(size)));
  }
  auto lying = whole;
  lying[names_end - 19] = std::byte{255};
  CHECK(!parse_answer(lying));
}

}  // namespace
}  // namespace ginnel::netbios
