// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/strings.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "base/net_types.h"
#include "base/result.h"

namespace ginnel {

TEST_CASE("base: concat joins texts, numbers and what has a to_string") {
  std::string text = "b";
  CHECK(concat() == "");
  CHECK(concat("a", text, 'c', -1, 2u, std::uint8_t{65}) == "abc-1265");
  CHECK(concat(Prefix(), " ", Endpoint()) == "0.0.0.0/0 0.0.0.0:0");
}

TEST_CASE("base: what a peer says cannot move the terminal's cursor") {
  CHECK(printable("plain ~") == "plain ~");
  CHECK(printable("\x1b[2J\r\n\x7f") == "\\x1b[2J\\x0d\\x0a\\x7f");
  CHECK(printable("\xc3\xbc") == "\\xc3\\xbc");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
}

TEST_CASE("base: what a peer says is cut at the limit, and that is shown") {
  CHECK(printable("abc", 3) == "abc");
  CHECK(printable("abcd", 3) == "abc...");
  CHECK(printable(std::string(1000, 'x')).size() == 203);
}

TEST_CASE("base: an error keeps its cause and takes a place in front") {
  Error error = Error::from_errno(ENOENT, "opening x");
  CHECK(error.code().value() == ENOENT);
  CHECK(error.message() == "opening x: No such file or directory");
  CHECK(error.in("line 2").message() ==
        "line 2: opening x: No such file or directory");
  CHECK(error.in("line 2").code().value() == ENOENT);
}

TEST_CASE("base: a result is a value or an error") {
  Result<int> value = 1;
  REQUIRE(value.has_value());
  CHECK(*value == 1);
  Result<int> error = Error("no");
  CHECK_FALSE(error.has_value());
  CHECK(error.error().message() == "no");
  CHECK(Result<void>().has_value());
  CHECK_FALSE(Result<void>(Error("no")).has_value());
}

}  // namespace ginnel
