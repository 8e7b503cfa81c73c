// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/algorithms.h"

#include <algorithm>

#if defined(__aarch64__) || defined(__arm__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

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

std::string preferred_ciphers(std::string_view list, bool has_aes) {
  std::string_view fast = has_aes ? "-gcm" : "chacha20";
  return with_first(list, [fast](std::string_view name) {
    return name.find(fast) != name.npos;
  });
}

bool processor_has_aes() {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports("aes");
#elif defined(__aarch64__)
  return (getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#elif defined(__arm__)
  return (getauxval(AT_HWCAP2) & HWCAP2_AES) != 0;
#elif defined(__powerpc64__) || defined(__s390x__)
  return true;
#else
  return false;
#endif
}

}  // namespace ginnel::transport
