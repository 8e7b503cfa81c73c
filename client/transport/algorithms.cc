// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/algorithms.h"

#include <algorithm>

namespace ginnel::transport {
namespace {

// `list` with the names that are `wanted` first, otherwise in its order.
template <typename Predicate>
std::string with_first(std::string_view list, Predicate wanted) {
  std::string first, rest;
  while (!list.empty()) {
    std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(name.size() + 1, list.size()));
    std::string& to = wanted(name) ? first : rest;
    if (!to.empty()) to += ',';
    to += name;
  }
  if (!first.empty() && !rest.empty()) first += ',';
  return first + rest;
}

std::string_view key_type_of(std::string_view algorithm) {
  return algorithm.starts_with("rsa-sha2-") ? "ssh-rsa" : algorithm;
}

}  // namespace

std::string preferred_host_key_algorithms(
    std::string_view configured, const std::vector<std::string>& known) {
  return with_first(configured, [&](std::string_view name) {
    return std::ranges::find(known, key_type_of(name)) != known.end();
  });
}

std::string preferred_ciphers(std::string_view list) {
  return with_first(list, [](std::string_view name) {
    return name.find("-gcm") != name.npos;
  });
}

}  // namespace ginnel::transport
