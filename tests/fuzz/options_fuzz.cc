// SPDX-License-Identifier: GPL-3.0-or-later
// Words that a NUL separates, as /proc/self/cmdline holds them. Those up to an
// empty word are the command line, those after it the lines of every @FILE.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "client/capture.h"
#include "client/options.h"

using namespace ginnel;

namespace {

struct Input {
  std::vector<std::string> args;
  std::string file;
};

Input split(std::string_view text) {
  Input input;
  bool in_file = false;
  while (!text.empty()) {
    std::size_t end = text.find('\0');
    std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (in_file) {
      input.file.append(word) += '\n';
    } else if (word.empty()) {
      in_file = true;
    } else {
      input.args.emplace_back(word);
    }
  }
  return input;
}

Lookups lookups_of(const Input& input) {
  Lookups lookups;
  lookups.read_file = [&input](const std::string&) -> Result<std::string> {
    return input.file;
  };
  lookups.resolve =
      [](const std::string& name) -> Result<std::vector<IpAddress>> {
    if (name.size() % 4 == 0) return Error("cannot look up " + name);
    std::vector<IpAddress> both = {IpAddress::loopback(Family::kIpv4),
                                   IpAddress::loopback(Family::kIpv6)};
    if (name.size() % 4 < 3) both.resize(1);
    return both;
  };
  lookups.find_user = [](const std::string&) { return std::nullopt; };
  lookups.find_group = [](const std::string&) { return std::nullopt; };
  lookups.interface_exists = [](const std::string&) { return false; };
  lookups.is_local = [](const IpAddress& at) { return at.data()[0] % 2 == 0; };
  return lookups;
}

void require(bool truth) {
  if (!truth) std::abort();
}

// What the rest of the program relies on.
void check(const Options& options) {
  if (options.action != Action::kRun) return;
  require(!options.remote.host.empty() && options.remote.host[0] != '-');
  require(options.remote.user.empty() || options.remote.user[0] != '-');
  require(!options.remote.port || *options.remote.port != 0);
  require(!options.daemon || (options.syslog && options.pidfile));
}

void check(const Options& options, const Capture& capture) {
  bool found_later =
      options.auto_nets != AutoNets::kNo || !capture.far_names.empty();
  require(!capture.rules.empty() || found_later);
  require(!capture.listeners.empty());
  require(capture.far_names.size() <= kMaxFarNames);
  require(capture.rules.size() <= kMaxRules);
  for (const SubnetRule& rule : capture.rules) {
    require(rule.ports.first <= rule.ports.last);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  Input input =
      split(std::string_view(reinterpret_cast<const char*>(data), size));
  Lookups lookups = lookups_of(input);
  (void)command_line(input.file.c_str(), 0, nullptr);
  auto options = parse_options(input.args, lookups.read_file);
  if (!options) {
    require(!options.error().message().empty());
    return 0;
  }
  check(*options);
  (void)to_string(*options);
  if (options->action != Action::kRun) return 0;
  auto capture = load_capture(*options, lookups);
  if (capture) check(*options, *capture);
  return 0;
}
