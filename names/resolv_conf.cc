// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/resolv_conf.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "names/dns_name.h"
#include "names/host_name.h"
#include "names/text_lines.h"

namespace ginnel::names {
namespace {

constexpr std::string_view kComment = "#;";
// The kernel's IFNAMSIZ, less its final zero.
constexpr std::size_t kMaxZone = 15;

void add_server(ResolvConf& conf, std::string_view word) {
  std::size_t percent = word.find('%');
  auto address = IpAddress::parse(word.substr(0, percent));
  if (!address || conf.servers.size() == ResolvConf::kMaxServers) return;
  ResolvConf::Server server;
  server.address = *address;
  if (percent != std::string_view::npos) {
    server.zone = word.substr(percent + 1);
    if (server.zone.empty() || server.zone.size() > kMaxZone) return;
  }
  auto& all = conf.servers;
  if (std::count(all.begin(), all.end(), server) == 0) all.push_back(server);
}

void set_search(ResolvConf& conf, std::string_view line) {
  conf.search.clear();
  for (;;) {
    std::string_view word = take_word(line, kComment);
    if (word.empty() || conf.search.size() == ResolvConf::kMaxSearch) return;
    if (word.ends_with('.')) word.remove_suffix(1);
    // "." means the root, which is tried anyhow.
    if (is_host_name(word)) conf.search.push_back(dns::lower_case(word));
  }
}

// The number behind `name` in `word`, at most `most`.
std::optional<int> number_of(std::string_view word, std::string_view name,
                             int most) {
  if (!word.starts_with(name)) return {};
  word.remove_prefix(name.size());
  int value = 0;
  auto [end, error] =
      std::from_chars(word.data(), word.data() + word.size(), value);
  if (error == std::errc::result_out_of_range) return most;
  if (error != std::errc() || end != word.data() + word.size() || value < 0) {
    return {};
  }
  return std::min(value, most);
}

// The bounds are glibc's (RES_MAXNDOTS, RES_MAXRETRANS).
void set_option(ResolvConf& conf, std::string_view word) {
  if (auto ndots = number_of(word, "ndots:", 15)) conf.ndots = *ndots;
  if (auto seconds = number_of(word, "timeout:", 30)) {
    conf.timeout = std::chrono::seconds(std::max(*seconds, 1));
  }
  if (word == "use-vc" || word == "usevc") conf.over_tcp = true;
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  while (auto line = take_line(text)) {
    std::string_view rest = *line;
    std::string_view keyword = take_word(rest, kComment);
    if (keyword == "nameserver") add_server(conf, take_word(rest, kComment));
    if (keyword == "search") set_search(conf, rest);
    if (keyword == "domain") set_search(conf, take_word(rest, kComment));
    if (keyword != "options") continue;
    for (;;) {
      std::string_view word = take_word(rest, kComment);
      if (word.empty()) break;
      set_option(conf, word);
    }
  }
  return conf;
}

}  // namespace ginnel::names
