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

Result<uid_t> from_number(const char* variable, const char* text) {
  uid_t uid = 0;
  const char* end = text + std::strlen(text);
  auto [stop, error] = std::from_chars(text, end, uid);
  if (error != std::errc() || stop != end || text == end ||
      uid == std::numeric_limits<uid_t>::max()) {
    return Error(concat(variable, "='", printable(text),
                        "' is not a user number; start ginnel anew"));
  }
  return uid;
}

Result<uid_t> from_name(const char* variable, const char* name) {
  const passwd* entry = ::getpwnam(name);
  if (entry == nullptr) {
    return Error(concat(variable, "='", printable(name), "' is no user here"));
  }
  return entry->pw_uid;
}

struct Source {
  const char* variable;
  Result<uid_t> (*read)(const char* variable, const char* text);
};
constexpr Source kSources[] = {{"SUDO_UID", from_number},
                               {"PKEXEC_UID", from_number},
                               {"DOAS_USER", from_name}};

}  // namespace

Result<std::optional<uid_t>> invoking_uid() {
  std::optional<uid_t> found;
  const char* found_in = nullptr;
  for (const Source& source : kSources) {
    const char* text = std::getenv(source.variable);
    if (text == nullptr) continue;
    Result<uid_t> uid = source.read(source.variable, text);
    if (!uid) return uid.error();
    if (found && *found != *uid) {
      return Error(concat(found_in, " names user ", *found, ", but ",
                          source.variable, " names user ", *uid,
                          "; unset the one that is wrong"));
    }
    found = *uid;
    found_in = source.variable;
  }
  return found;
}

}  // namespace ginnel
