// SPDX-License-Identifier: GPL-3.0-or-later
// What an unprivileged process may send to root: any bytes are refused or
// understood, and what is understood has exactly one encoding and keeps within
// its bounds.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "firewall/wire.h"

namespace {

using namespace ginnel;
using namespace ginnel::firewall;

void check(bool holds) {
  if (!holds) std::abort();
}

struct CheckBounds {
  void operator()(const request::Hello&) {}
  void operator()(const request::MarkedSocket&) {}
  void operator()(const request::Install&) {}
  void operator()(const request::ClearRules&) {}
  void operator()(const request::Diverted&) {}
  void operator()(const request::NameServers& servers) {
    check(servers.addresses.size() <= kMaxNameServers);
  }
  void operator()(const request::SetHosts& set) {
    check(set.hosts.size() <= kMaxHosts);
    for (const Host& host : set.hosts) check(is_plain_name(host.name));
  }
  void operator()(const request::SetResolver& set) {
    check(set.domains.size() <= kMaxDomains);
    for (const std::string& name : set.domains) check(is_plain_name(name));
  }
  void operator()(const request::Listen& listen) {
    std::uint16_t port = listen.endpoint.port;
    check(port == 0 || port >= kFirstListenPort);
  }
  void operator()(const request::AddRules& add) {
    check(add.rules.size() <= kMaxRulesInMessage);
    for (const Rule& rule : add.rules) {
      check(rule.ports.first <= rule.ports.last);
      check(rule.prefix.length() <= rule.prefix.first().bits());
    }
  }
  void operator()(const request::SetFilters& set) {
    const Filters& filters = set.filters;
    check(filters.uplinks.size() <= kMaxUplinks);
    check(filters.lan_interfaces.size() <= kMaxLanInterfaces);
    check(filters.lan_prefixes.size() <= kMaxLanPrefixes);
    for (const std::string& name : filters.uplinks) {
      check(is_interface_name(name));
    }
    for (const std::string& name : filters.lan_interfaces) {
      check(is_interface_name(name));
    }
  }
};

bool same(Bytes a, Bytes b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  Bytes message = std::as_bytes(std::span(data, size));
  if (Result<Request> request = decode_request(message)) {
    std::visit(CheckBounds{}, *request);
    check(same(encode(*request), message));
  }
  if (Result<Answer> answer = decode_answer(message)) {
    check(same(encode(*answer), message));
  }
  return 0;
}
