// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/invoking_user.h"

#include <pwd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

#include "base/strings.h"

namespace ginnel {
namespace {

Result<std::optional<uid_t>> from_number(const char* variable,
                                         const char* text) {
  uid_t uid = 0;
  const char* end = text + std::strlen(text);
  auto [stop, error] = std::from_chars(text, end, uid);
  if (error != std::errc() || stop != end || text == end ||
      uid == std::numeric_limits<uid_t>::max()) {
    return Error(concat(variable, "='", printable(text),
                        "' is not a user number; start ginnel anew"));
  }
  return std::optional<uid_t>(uid);
}

}  // namespace

Result<std::optional<uid_t>> invoking_uid() {
  for (const char* variable : {"SUDO_UID", "PKEXEC_UID"}) {
    const char* text = std::getenv(variable);
    if (text != nullptr) return from_number(variable, text);
  }
  const char* name = std::getenv("DOAS_USER");
  if (name == nullptr) return std::optional<uid_t>();
  const passwd* entry = ::getpwnam(name);
  if (entry == nullptr) {
    return Error(concat("DOAS_USER='", printable(name), "' is no user here"));
  }
  return std::optional<uid_t>(entry->pw_uid);
}

}  // namespace ginnel
