// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/host_name.h"

#include <doctest/doctest.h>

#include <string>

namespace ginnel {
namespace {

TEST_CASE("host_name: what may be typed") {
  for (auto good : {"a", "Host-1.example", "a_b.example", "example.", "1a",
                    "1.a", "a-.b"}) {
    CAPTURE(good);
    CHECK(is_host_name(good));
  }
  for (auto bad : {"", ".", "a..b", ".a", "-a", "a b", "a\n", "10.0.0.1", "1.2",
                   "a/b", "\xc3\xa4"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_host_name(bad));
    CHECK_FALSE(is_strict_host_name(bad));
  }
  CHECK(is_host_name(std::string(63, 'a')));
  CHECK_FALSE(is_host_name(std::string(64, 'a')));
}

TEST_CASE("host_name: what strangers may give") {
  CHECK(is_strict_host_name("Host-1.example"));
  CHECK(is_strict_host_name("3com.example"));
  for (auto bad : {"a_b.example", "example.", "a-.b", "a.b-"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_strict_host_name(bad));
  }
}

}  // namespace
}  // namespace ginnel
