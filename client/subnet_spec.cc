// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/subnet_spec.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/strings.h"
#include "names/host_name.h"

namespace ginnel {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::size_t kMaxSubnetText = 300;  // a name of 253 with its parts

Error wrong(std::string_view subnet, std::string_view what) {
  return Error(concat("subnet ", printable(subnet), ": ", what));
}

// The parts of "HOST/LENGTH:PORTS", of which the last two may be absent.
struct Parts {
  std::string_view host;
  std::optional<std::string_view> length;
  std::optional<std::string_view> ports;
};

// Takes what follows `mark` off the end of `text`.
std::optional<std::string_view> split_off(std::string_view& text, char mark) {
  std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

Result<Parts> bracketed_parts(std::string_view text) {
  std::size_t end = text.find(']');
  if (end == std::string_view::npos) {
    return wrong(text, "a [ without its ]; write [ADDRESS/LENGTH]:PORT");
  }
  Parts parts;
  std::string_view inside = text.substr(1, end - 1);
  std::string_view rest = text.substr(end + 1);
  parts.length = split_off(inside, '/');
  parts.host = inside;
  parts.ports = split_off(rest, ':');
  // The length may also follow the bracket: [2001:db8::]/32.
  if (!parts.length) parts.length = split_off(rest, '/');
  if (!rest.empty() || !IpAddress::parse(inside)) {
    return wrong(text, "not an IPv6 network; write [ADDRESS/LENGTH]:PORT");
  }
  return parts;
}

Result<Parts> split_parts(std::string_view text) {
  if (text.starts_with('[')) return bracketed_parts(text);
  Parts parts;
  if (std::count(text.begin(), text.end(), ':') > 1) {
    // In bare IPv6 only what follows the slash, or a range, can be ports.
    parts.length = split_off(text, '/');
    if (parts.length) {
      parts.ports = split_off(*parts.length, ':');
    } else if (text.find('-') != std::string_view::npos) {
      std::size_t last = text.rfind(':');
      parts.ports = text.substr(last + 1);
      text = text.substr(0, last);
    }
  } else {
    parts.ports = split_off(text, ':');
    parts.length = split_off(text, '/');
  }
  parts.host = text;
  return parts;
}

Result<PortRange> parse_ports(std::string_view text, std::string_view subnet) {
  if (text == "0") return PortRange();  // as sshuttle means it
  std::string_view low = text;
  std::string_view high = split_off(low, '-').value_or(low);
  auto first = parse_port(low);
  auto last = parse_port(high);
  if (!first || !last) {
    std::string_view bad = first ? high : low;
    return wrong(subnet, concat("\"", printable(bad),
                                "\" is not a port; write "
                                "1 to 65535, or leave the port out to mean "
                                "all"));
  }
  if (*first > *last) {
    return wrong(subnet, concat("the ports ", *first, '-', *last,
                                " run backwards; write ", *last, '-', *first));
  }
  return PortRange(*first, *last);
}

// `bits` is the largest length that can be meant.
Result<int> parse_length(std::string_view text, int bits,
                         std::string_view subnet) {
  int length = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), length);
  bool number = !text.empty() &&
                text.find_first_not_of(kDigits) == std::string_view::npos;
  if (!number) {
    return wrong(subnet, concat("\"/", printable(text),
                                "\" is not a number "
                                "of bits; write it as in /24"));
  }
  if (error != std::errc() || length > bits) {
    return wrong(subnet, concat('/', text, " is not between /0 and /", bits));
  }
  return length;
}

// "80" or "8000-9000".
std::string ports_text(const PortRange& ports) {
  std::string first = std::to_string(ports.first);
  return ports.count() == 1 ? first : concat(first, '-', ports.last);
}

// What inet_aton reads and inet_pton does not: fewer than four parts, octal,
// hexadecimal. It ignores what follows a blank, so there may be none.
std::optional<IpAddress> parse_short_ipv4(std::string_view text) {
  constexpr std::string_view kBytes = "0123456789abcdefABCDEFxX.";
  if (text.find_first_not_of(kBytes) != std::string_view::npos) {
    return std::nullopt;
  }
  in_addr raw;
  if (text.empty() || inet_aton(std::string(text).c_str(), &raw) == 0) {
    return std::nullopt;
  }
  return IpAddress(Family::kIpv4,
                   reinterpret_cast<const std::uint8_t*>(&raw.s_addr));
}

// "10.1" as "10.1.0.0".
std::optional<IpAddress> padded_ipv4(std::string text) {
  for (auto dots = std::count(text.begin(), text.end(), '.'); dots < 3;
       ++dots) {
    text += ".0";
  }
  return IpAddress::parse(text);
}

// Whether someone who typed `host` for `spec.prefix` probably wanted another
// network, in words.
std::string advice_for(std::string_view host, IpAddress address,
                       const SubnetSpec& spec) {
  if (!spec.length && address.is_any()) {
    std::string_view all = address.family() == Family::kIpv4 ? "0/0" : "::/0";
    return concat("subnet ", host, " is the one address ", address,
                  "; for every address write ", all);
  }
  if (IpAddress::parse(host)) return "";
  auto intended = padded_ipv4(std::string(host));
  if (!intended) return concat("subnet ", host, " is read as ", address);
  if (Prefix(*intended, spec.prefix.length()) == spec.prefix) return "";
  int length = spec.prefix.length();
  return concat("subnet ", host, spec.length ? concat('/', length) : "",
                " means ", address, '/', length,
                ", as it does to sshuttle; did you want ",
                Prefix(*intended, length), "?");
}

constexpr std::string_view kFar = "far:";

// far:80 is port 80 of a host called far.
bool is_far(std::string_view text) {
  return text.starts_with(kFar) && text.size() > kFar.size() &&
         !std::isdigit(static_cast<unsigned char>(text[kFar.size()]));
}

// REQUIRES: is_far(text).
Result<SubnetSpec> parse_far(std::string_view text) {
  SubnetSpec spec;
  std::string_view rest = text.substr(kFar.size());
  if (rest.starts_with("*.")) {
    spec.wildcard = true;
    rest.remove_prefix(2);
  }
  auto ports = split_off(rest, ':');
  if (!is_host_name(rest)) {
    return wrong(text,
                 "not a name for the far end to look up; write far:NAME, "
                 "far:NAME:PORT or far:*.NAME");
  }
  if (ports) {
    auto parsed = parse_ports(*ports, text);
    if (!parsed) return parsed.error();
    spec.ports = *parsed;
  }
  spec.far = true;
  spec.name = rest;
  return spec;
}

}  // namespace

Result<SubnetSpec> parse_subnet(std::string_view text) {
  if (text.empty()) return Error("an empty subnet; write one as 10.0.0.0/8");
  if (text.size() > kMaxSubnetText) {
    return wrong(text.substr(0, 40), "too long to be a network or a name");
  }
  if (is_far(text)) return parse_far(text);
  auto parts = split_parts(text);
  if (!parts) return parts.error();

  SubnetSpec spec;
  auto address = IpAddress::parse(parts->host);
  if (!address) address = parse_short_ipv4(parts->host);
  if (!address && !is_host_name(parts->host)) {
    return wrong(text, concat("\"", printable(parts->host),
                              "\" is neither an "
                              "address nor a host name"));
  }
  if (address && address->unmapped() != *address) {
    return wrong(
        text, concat("this is IPv4 inside IPv6; write ", address->unmapped()));
  }
  int bits = address ? address->bits() : 128;
  if (parts->length) {
    auto length = parse_length(*parts->length, bits, text);
    if (!length) return length.error();
    spec.length = *length;
  }
  if (parts->ports) {
    auto ports = parse_ports(*parts->ports, text);
    if (!ports) return ports.error();
    spec.ports = *ports;
  }
  if (address) {
    spec.prefix = Prefix(*address, spec.length.value_or(bits));
    spec.advice = advice_for(parts->host, *address, spec);
  } else {
    spec.name = parts->host;
  }
  return spec;
}

std::string to_string(const SubnetSpec& spec) {
  if (spec.name.empty()) return to_string(SubnetRule{spec.prefix, spec.ports});
  std::string result =
      concat(spec.far ? kFar : "", spec.wildcard ? "*." : "", spec.name);
  if (spec.length) result += concat('/', *spec.length);
  if (!spec.ports.all()) result += ":" + ports_text(spec.ports);
  return result;
}

std::string to_string(const SubnetRule& rule) {
  std::string result = to_string(rule.prefix);
  if (!rule.ports.all()) {
    if (rule.prefix.family() == Family::kIpv6) result = "[" + result + "]";
    result += ":" + ports_text(rule.ports);
  }
  return rule.include ? result : "-" + result;
}

Result<std::vector<SubnetRule>> resolve_subnet(const SubnetSpec& spec,
                                               bool include, bool ipv6,
                                               const AddressLookup& resolve) {
  std::vector<SubnetRule> rules;
  if (spec.name.empty()) {
    if (ipv6 || spec.prefix.family() == Family::kIpv4) {
      rules.push_back({spec.prefix, spec.ports, include});
    }
    return rules;
  }
  auto addresses = resolve(spec.name);
  if (!addresses) return addresses.error().in(concat("subnet ", spec));
  for (IpAddress address : *addresses) {
    address = address.unmapped();
    if (!ipv6 && address.family() == Family::kIpv6) continue;
    int length = spec.length.value_or(address.bits());
    if (length > address.bits()) {
      return wrong(to_string(spec), concat('/', length,
                                           " is too long for its "
                                           "address ",
                                           address));
    }
    if (spec.length && !rules.empty() &&
        rules[0].prefix.family() != address.family()) {
      return wrong(to_string(spec),
                   concat("the name has IPv4 and IPv6 addresses, which one /",
                          length, " cannot fit; name the networks instead"));
    }
    rules.push_back({Prefix(address, length), spec.ports, include});
  }
  if (rules.empty()) {
    return wrong(to_string(spec), "the name has no address that can be used");
  }
  return rules;
}

}  // namespace ginnel
