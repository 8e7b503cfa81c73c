// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/services/found_names.h"

#include <utility>

#include "names/dns_name.h"
#include "names/host_address.h"
#include "names/host_name.h"

namespace ginnel {
namespace {

// These mean this machine on every machine (RFC 6761 section 6.3, and what
// Debian writes into a hosts file).
bool means_itself(std::string_view name) {
  return name == "localhost" || name.ends_with(".localhost") ||
         name == "localhost.localdomain" || name.starts_with("ip6-");
}

}  // namespace

bool FoundNames::add(names::Source source, const IpAddress& address,
                     std::string_view name) {
  std::size_t& count = counts_[static_cast<std::size_t>(source)];
  if (count >= kMaxNames || !is_strict_host_name(name) ||
      !names::is_host_address(address)) {
    return false;
  }
  FoundName found{source, address, dns::lower_case(name)};
  if (means_itself(found.name) || set_.present().contains(found)) return false;
  set_.add(found);
  ++count;
  return true;
}

void FoundNames::remove(names::Source source, const IpAddress& address,
                        std::string_view name) {
  FoundName found{source, address, dns::lower_case(name)};
  if (!set_.present().contains(found)) return;
  set_.remove(found);
  --counts_[static_cast<std::size_t>(source)];
}

std::optional<names::NameRecord> FoundNames::next() {
  auto change = set_.next();
  if (!change) return {};
  names::NameRecord record;
  record.gone = change->gone;
  record.source = change->key.source;
  record.address = change->key.address;
  record.name = std::move(change->key.name);
  return record;
}

}  // namespace ginnel
