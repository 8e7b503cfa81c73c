// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/listen_spec.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/strings.h"
#include "names/host_name.h"

namespace ginnel {
namespace {

Error wrong(std::string_view item, std::string_view what) {
  return Error(concat("-l ", printable(item), ": ", what));
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// 0, for "choose one", or 1024 to 65535.
std::optional<std::uint16_t> parse_listen_port(std::string_view text) {
  std::uint16_t port = 0;
  if (!all_digits(text)) return std::nullopt;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || (port > 0 && port < 1024)) return std::nullopt;
  return port;
}

Result<ListenSpec> parse_item(std::string_view item) {
  std::string_view host = item;
  std::string_view port;
  bool brackets = item.starts_with('[');
  if (all_digits(item)) {
    host = "0.0.0.0";
    port = item;
  } else if (brackets) {
    std::size_t end = item.find(']');
    if (end == std::string_view::npos) {
      return wrong(item, "a [ without its ]; write [ADDRESS]:PORT");
    }
    host = item.substr(1, end - 1);
    std::string_view rest = item.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') {
      return wrong(item, "only :PORT may follow the ]");
    }
    port = rest.empty() ? "0" : rest.substr(1);
  } else if (std::count(item.begin(), item.end(), ':') > 1) {
    return wrong(item, "put an IPv6 address in brackets, as in [::1]:12300");
  } else {
    std::size_t colon = item.find(':');
    host = item.substr(0, colon);
    port = colon == std::string_view::npos ? "0" : item.substr(colon + 1);
  }

  ListenSpec spec;
  auto number = parse_listen_port(port);
  if (!number) {
    return wrong(item, concat("\"", printable(port),
                              "\" is not a port to "
                              "listen on; write 1024 to 65535, or 0 for any "
                              "that is free"));
  }
  spec.where.port = *number;
  auto address = IpAddress::parse(host);
  if (address && brackets == (address->family() == Family::kIpv6)) {
    spec.where.address = *address;
  } else if (!brackets && is_host_name(host)) {
    spec.name = host;
  } else {
    return wrong(item, concat("\"", printable(host),
                              "\" is not an address "
                              "of this machine; write IP:PORT or "
                              "[IPV6]:PORT"));
  }
  return spec;
}

}  // namespace

Result<std::vector<ListenSpec>> parse_listen(std::string_view text) {
  std::vector<ListenSpec> specs;
  for (;;) {
    std::size_t comma = text.find(',');
    auto spec = parse_item(text.substr(0, comma));
    if (!spec) return spec.error();
    specs.push_back(std::move(*spec));
    if (specs.size() > kMaxListenSpecs) return too_many_listeners();
    if (comma == std::string_view::npos) return specs;
    text.remove_prefix(comma + 1);
  }
}

Error too_many_listeners() {
  return Error(concat("-l names more than ", kMaxListenSpecs,
                      " addresses; 0.0.0.0 and [::] stand for all"));
}

std::string to_string(const ListenSpec& spec) {
  if (spec.name.empty()) return to_string(spec.where);
  return concat(spec.name, ':', spec.where.port);
}

}  // namespace ginnel
