// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/host_answers.h"

#include <algorithm>
#include <tuple>

#include "names/dns_build.h"
#include "names/dns_message.h"

namespace ginnel {
namespace {

bool has_dot(std::string_view name) {
  return name.find('.') != std::string_view::npos;
}

// Which of an address's names is told: one from a better source, and a full one
// rather than a short one.
auto rank(const KnownHost& host) {
  return std::tuple(host.source, !has_dot(host.name), host.name);
}

}  // namespace

HostAnswers::HostAnswers(const std::vector<KnownHost>& hosts) {
  for (const KnownHost& host : hosts) {
    Name& name = names_[host.name];
    name.source = host.source;
    name.addresses.push_back(host.address);
    auto [at, is_new] = by_address_.try_emplace(host.address, host);
    if (!is_new && rank(host) < rank(at->second)) at->second = host;
  }
}

const HostAnswers::Name* HostAnswers::find(
    const std::string& name, const std::vector<std::string>& search) const {
  if (auto at = names_.find(name); at != names_.end()) return &at->second;
  std::size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  std::string domain = name.substr(dot + 1);
  if (std::find(search.begin(), search.end(), domain) == search.end()) {
    return nullptr;
  }
  auto at = names_.find(name.substr(0, dot));
  return at == names_.end() ? nullptr : &at->second;
}

std::optional<std::vector<std::byte>> HostAnswers::answer(
    Bytes query, const std::vector<std::string>& search) const {
  auto question = dns::read_question(query);
  if (!question || question->klass != dns::kInternet) return std::nullopt;
  if (question->type == dns::type::kPtr) {
    auto address = dns::reverse_address(question->name);
    auto at = address ? by_address_.find(*address) : by_address_.end();
    if (at == by_address_.end()) return std::nullopt;
    return dns::reply_with_name(query, at->second.name, kLasts);
  }
  const Name* name = find(question->name, search);
  if (name == nullptr) return std::nullopt;
  bool here =
      std::any_of(name->addresses.begin(), name->addresses.end(),
                  [&](const IpAddress& address) {
                    return question->type == (address.family() == Family::kIpv4
                                                  ? dns::type::kA
                                                  : dns::type::kAaaa);
                  });
  if (!here && name->source == names::Source::kResolver) return std::nullopt;
  return dns::reply_with_addresses(query, name->addresses, kLasts);
}

}  // namespace ginnel
