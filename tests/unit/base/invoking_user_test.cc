// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/invoking_user.h"

#include <doctest/doctest.h>

#include <cstdlib>

namespace ginnel {
namespace {

// The variables of sudo, pkexec and doas, unset before and after.
struct Environment {
  Environment() { clear(); }
  ~Environment() { clear(); }
  void clear() {
    for (const char* name : {"SUDO_UID", "PKEXEC_UID", "DOAS_USER"}) {
      ::unsetenv(name);
    }
  }
  void set(const char* name, const char* value) { ::setenv(name, value, 1); }
};

TEST_CASE_FIXTURE(Environment, "invoking_uid: variables that agree") {
  CHECK(*invoking_uid() == std::nullopt);
  set("SUDO_UID", "0");
  CHECK(*invoking_uid() == 0u);
  set("PKEXEC_UID", "0");
  set("DOAS_USER", "root");
  CHECK(*invoking_uid() == 0u);
}

TEST_CASE_FIXTURE(Environment, "invoking_uid: variables that differ") {
  set("SUDO_UID", "12345");
  SUBCASE("sudo and pkexec") {
    set("PKEXEC_UID", "12346");
    CHECK(invoking_uid().error().message() ==
          "SUDO_UID names user 12345, but PKEXEC_UID names user 12346; unset "
          "the one that is wrong");
  }
  SUBCASE("sudo and doas") {
    set("DOAS_USER", "root");
    CHECK(invoking_uid().error().message() ==
          "SUDO_UID names user 12345, but DOAS_USER names user 0; unset the "
          "one that is wrong");
  }
  SUBCASE("a second one that names nobody") {
    set("PKEXEC_UID", "x");
    CHECK_FALSE(invoking_uid());
  }
}

}  // namespace
}  // namespace ginnel
