// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/option_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/strings.h"
#include "client/name_options.h"

namespace ginnel {
namespace {

using Done = Result<void>;

Done remote(Options& options, const std::string& value) {
  auto remote = parse_remote(value);
  if (!remote) return remote.error();
  options.remote = std::move(*remote);
  return {};
}

Done exclude(Options& options, const std::string& value) {
  auto spec = parse_subnet(value);
  if (!spec) return spec.error().in("-x");
  options.excludes.push_back(std::move(*spec));
  return {};
}

Done listen(Options& options, const std::string& value) {
  auto specs = parse_listen(value);
  if (!specs) return specs.error();
  options.listeners.insert(options.listeners.end(), specs->begin(),
                           specs->end());
  if (options.listeners.size() > kMaxListenSpecs) return too_many_listeners();
  return {};
}

// An interface's name as Linux allows it: 15 bytes, no '/', no blank.
bool is_interface(std::string_view text) {
  return text.size() <= 15 && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](unsigned char byte) {
           return std::isgraph(byte) && byte != '/' && byte != ':';
         });
}

Done lan(Options& options, const std::string& value) {
  if (options.lans.size() == kMaxLans) {
    return Error(concat("--lan is given more than ", kMaxLans, " times"));
  }
  auto spec = parse_subnet(value);
  if (spec && spec->name.empty() && spec->ports.all()) {
    if (!spec->advice.empty()) options.warnings.push_back(spec->advice);
    options.lans.emplace_back(spec->prefix);
  } else if (is_interface(value)) {
    options.lans.emplace_back(value);
  } else {
    return Error(concat("--lan ", printable(value, 60),
                        ": neither an interface's name, as eth0, nor a "
                        "network, as 192.168.1.0/24"));
  }
  return {};
}

Done method(Options& options, const std::string& value) {
  static constexpr std::string_view kLater[] = {
      "nft-tproxy", "tproxy", "nat", "iptables", "pf", "ipfw", "windivert"};
  if (value == "auto") {
    options.method = Method::kAuto;
  } else if (value == "nft") {
    options.method = Method::kNft;
  } else if (std::count(std::begin(kLater), std::end(kLater), value) > 0) {
    return Error(concat("--method ", value,
                        " is not available in this version; write --method "
                        "nft, or leave it out"));
  } else {
    return Error(concat("--method ", printable(value, 40),
                        ": not a method; write auto or nft"));
  }
  return {};
}

Done ssh_command(Options& options, const std::string& value) {
  auto words = split_words(value, "the command of -e");
  if (!words) return words.error();
  if (words->empty() || words->front().empty()) {
    return Error("-e names no command; write one as -e 'ssh -v'");
  }
  options.ssh_command = std::move(*words);
  return {};
}

Done ssh_option(Options& options, const std::string& value) {
  std::size_t end = std::min(value.find_first_of("= \t"), value.size());
  std::size_t from = value.find_first_not_of("= \t", end);
  bool key = end > 0 && std::all_of(value.begin(), value.begin() + end,
                                    [](unsigned char c) { return isalnum(c); });
  if (!key || from == std::string::npos) {
    return Error(concat("-o ", printable(value, 60),
                        ": write an option of ssh_config as KEY=VALUE"));
  }
  options.ssh_options.push_back({value.substr(0, end), value.substr(from)});
  return {};
}

Done port(Options& options, const std::string& value) {
  options.port = parse_port(value);
  if (options.port) return {};
  return Error(
      concat("-p ", printable(value, 40), ": not a port; write 1 to 65535"));
}

Done transport(Options& options, const std::string& value) {
  if (value == "auto") {
    options.transport = TransportChoice::kAuto;
  } else if (value == "libssh") {
    options.transport = TransportChoice::kLibssh;
  } else if (value == "openssh") {
    options.transport = TransportChoice::kOpenssh;
  } else {
    return Error(concat("--transport ", printable(value, 40),
                        ": not a transport; write auto, libssh or openssh"));
  }
  return {};
}

Done daemon(Options& options, const std::string&) {
  options.daemon = options.syslog = true;
  return {};
}

// The options that only keep their value, or that they were given.
template <auto Member>
Done append(Options& options, const std::string& value) {
  (options.*Member).push_back(value);
  return {};
}
template <auto Member>
Done keep(Options& options, const std::string& value) {
  options.*Member = value;
  return {};
}
template <auto Member, auto Value>
Done set(Options& options, const std::string&) {
  options.*Member = Value;
  return {};
}

Done more_verbose(Options& options, const std::string&) {
  ++options.verbose;
  return {};
}

constexpr std::string_view kCapture = "What is captured";
constexpr std::string_view kNames = "Names";
constexpr std::string_view kSsh = "The SSH connection";
constexpr std::string_view kProgram = "The program";

constexpr std::string_view kSubnet = "SUBNET[:PORT[-PORT]]";
constexpr std::string_view kTproxy = "TPROXY comes in a later release";
constexpr std::string_view kNamespace =
    "running in another network namespace comes in a later release";
constexpr std::string_view kSudoers =
    "writing a sudo configuration comes in a later release";
constexpr std::string_view kInternal =
    "it is a part of sshuttle; ginnel starts its own parts by itself";

constexpr OptionRow works(std::string_view group, OptionName name,
                          std::string_view help,
                          Done (*apply)(Options&, const std::string&)) {
  return {name, OptionKind::kWorks, group, help, apply};
}
constexpr OptionRow no_meaning(OptionName name) {
  return {name, OptionKind::kNoMeaning, {}, {}, nullptr};
}
constexpr OptionRow later(OptionName name, std::string_view reason) {
  return {name, OptionKind::kLater, {}, reason, nullptr};
}

constexpr auto kTable = std::to_array<OptionRow>({
    works(kCapture, {'x', "exclude", kSubnet},
          "leave these connections alone (repeatable)", exclude),
    works(kCapture, {'s', "subnets", "FILE"},
          "capture the subnets in FILE, one a line",
          append<&Options::include_files>),
    works(kCapture, {'X', "exclude-from", "FILE"},
          "exclude the subnets in FILE, one a line",
          append<&Options::exclude_files>),
    works(kCapture, {'N', "auto-nets", "[=all]", "modest"},
          "capture the networks that the far end reaches;\n"
          "with =all, wide public ones too",
          auto_nets),
    works(kCapture, {'l', "listen", "[IP:]PORT[,...]"},
          "where captured connections arrive; with\n"
          "0.0.0.0 or [::], those of other hosts too",
          listen),
    works(kCapture, {'\0', "lan", "IFACE|PREFIX"},
          "capture forwarded connections only from here\n(repeatable)", lan),
    works(kCapture, {'\0', "user", "USER"}, "only connections of this user",
          keep<&Options::user>),
    works(kCapture, {'\0', "group", "GROUP"}, "only connections of this group",
          keep<&Options::group>),
    works(kCapture, {'\0', "disable-ipv6", {}}, "capture IPv4 only",
          set<&Options::ipv6, false>),
    works(kCapture, {'\0', "method", "TYPE"}, "how to capture: auto or nft",
          method),

    works(kNames, {'\0', "dns", {}}, "look names up at the far end",
          set<&Options::dns, true>),
    works(kNames, {'\0', "ns-hosts", "IP[,IP]"},
          "capture look-ups to these name servers only\n"
          "[those of /etc/resolv.conf]",
          name_servers),
    works(kNames, {'\0', "to-ns", "IP[:PORT]"},
          "the name server to ask there [its own]", far_server),
    works(kNames, {'\0', "dns-domain", "DOMAIN"},
          "look only these names up there (repeatable)", dns_domain),
    works(kNames, {'H', "auto-hosts", {}},
          "find host names there, and know them here",
          set<&Options::auto_hosts, true>),
    works(kNames, {'\0', "seed-hosts", "NAME[,NAME]"},
          "host names to begin with, for -H", seed_hosts),

    works(kSsh, {'r', "remote", "[USER[:PASSWORD]@]HOST[:PORT]"}, "the far end",
          remote),
    works(kSsh, {'p', {}, "PORT"}, "the far end's SSH port", port),
    works(kSsh, {'F', {}, "FILE"}, "the ssh_config file; \"none\" for none",
          keep<&Options::ssh_config>),
    works(kSsh, {'i', {}, "FILE"}, "a private key (repeatable)",
          append<&Options::identity_files>),
    works(kSsh, {'o', {}, "KEY=VALUE"}, "an option of ssh_config (repeatable)",
          ssh_option),
    works(kSsh, {'e', "ssh-cmd", "COMMAND"},
          "the ssh command, with its arguments", ssh_command),
    works(kSsh, {'\0', "transport", "NAME"}, "auto, libssh or openssh",
          transport),

    works(kProgram, {'D', "daemon", {}},
          "go into the background once connected", daemon),
    works(kProgram, {'\0', "pidfile", "FILE"},
          "where the process id is kept; with -D\n[ginnel.pid]",
          keep<&Options::pidfile>),
    works(kProgram, {'\0', "syslog", {}},
          "log to syslog instead of stderr; -D does, too",
          set<&Options::syslog, true>),
    works(kProgram, {'\0', "run-as", "USER"},
          "started as root: whose keys and rights to use",
          keep<&Options::run_as>),
    works(kProgram, {'v', "verbose", {}}, "say more (repeatable)",
          more_verbose),
    works(kProgram, {'V', "version", {}}, "print the version",
          set<&Options::action, Action::kVersion>),
    works(kProgram, {'h', "help", {}}, "print this",
          set<&Options::action, Action::kHelp>),

    no_meaning({'\0', "python", "PATH"}),
    no_meaning({'\0', "wrap", "NUMBER"}),
    no_meaning({'\0', "no-latency-control", {}}),
    no_meaning({'\0', "latency-buffer-size", "SIZE"}),
    no_meaning({'\0', "remote-shell", "PROGRAM"}),
    no_meaning({'\0', "no-cmd-delimiter", {}}),
    no_meaning({'\0', "no-sudo-pythonpath", {}}),

    later({'t', "tmark", "MARK"}, kTproxy),
    later({'\0', "namespace", "NAME"}, kNamespace),
    later({'\0', "namespace-pid", "PID"}, kNamespace),
    later({'\0', "sudoers-no-modify", {}}, kSudoers),
    later({'\0', "sudoers-user", "USER"}, kSudoers),
    later({'\0', "firewall", {}}, kInternal),
    later({'\0', "hostwatch", {}}, kInternal),
});

}  // namespace

std::span<const OptionRow> option_table() { return kTable; }

}  // namespace ginnel
