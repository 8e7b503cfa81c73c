// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/name_options.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/strings.h"
#include "names/host_name.h"

namespace ginnel {
namespace {

using Done = Result<void>;

// Hands each part between the commas to `take`.
template <typename Take>
Done each_part(const std::string& value, const Take& take) {
  for (std::size_t from = 0; from <= value.size();) {
    std::size_t comma = std::min(value.find(',', from), value.size());
    if (auto done = take(value.substr(from, comma - from)); !done) return done;
    from = comma + 1;
  }
  return {};
}

// "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353".
std::optional<Endpoint> parse_server(std::string_view text) {
  if (auto address = IpAddress::parse(text)) return Endpoint(*address, 53);
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto port = parse_port(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  auto address = IpAddress::parse(host);
  if (!port || !address) return std::nullopt;
  return Endpoint(*address, *port);
}

}  // namespace

Done name_servers(Options& options, const std::string& value) {
  return each_part(value, [&](const std::string& part) -> Done {
    auto address = IpAddress::parse(part);
    if (!address) {
      return Error(concat("--ns-hosts: \"", printable(part, 60),
                          "\" is not an address; write the name servers' "
                          "addresses with commas between"));
    }
    options.name_servers.push_back(*address);
    if (options.name_servers.size() <= kMaxNameServers) return {};
    return Error(concat("--ns-hosts names more than ", kMaxNameServers,
                        " name servers; leave some out"));
  });
}

Done far_server(Options& options, const std::string& value) {
  options.far_server = parse_server(value);
  if (options.far_server) return {};
  return Error(concat("--to-ns ", printable(value, 60),
                      ": not a name server; write its address, or "
                      "ADDRESS:PORT"));
}

Done seed_hosts(Options& options, const std::string& value) {
  return each_part(value, [&](const std::string& part) -> Done {
    if (!is_host_name(part)) {
      return Error(concat("--seed-hosts: \"", printable(part, 60),
                          "\" is not a host name; write names with commas "
                          "between"));
    }
    options.seed_hosts.push_back(part);
    if (options.seed_hosts.size() <= kMaxSeedHosts) return {};
    return Error(concat("--seed-hosts has more than ", kMaxSeedHosts,
                        " names; leave some out"));
  });
}

Done dns_domain(Options& options, const std::string& value) {
  std::string_view domain = value;
  if (domain.starts_with("~")) domain.remove_prefix(1);
  if (domain.starts_with(".")) domain.remove_prefix(1);
  if (domain.ends_with(".")) domain.remove_suffix(1);
  if (!is_host_name(domain)) {
    return Error(concat("--dns-domain ", printable(value, 60),
                        ": not a domain; write one as corp.example"));
  }
  options.dns_domains.emplace_back(domain);
  if (options.dns_domains.size() <= kMaxDnsDomains) return {};
  return Error(
      concat("--dns-domain is given more than ", kMaxDnsDomains, " times"));
}

Done auto_nets(Options& options, const std::string& value) {
  if (value == "all") {
    options.auto_nets = AutoNets::kAll;
  } else if (value == "modest") {
    options.auto_nets = AutoNets::kModest;
  } else {
    return Error(concat("--auto-nets=", printable(value, 40),
                        ": write --auto-nets, or --auto-nets=all"));
  }
  return {};
}

}  // namespace ginnel
