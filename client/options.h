// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/net_types.h"
#include "base/result.h"
#include "client/argument_files.h"
#include "client/listen_spec.h"
#include "client/remote_spec.h"
#include "client/subnet_spec.h"

// The command line, which is sshuttle's where sshuttle has the option. It is
// read in two stages, because `ginnel` may start as root:
//
//   1. find_run_as() looks at the words alone, so that privileges can be
//      dropped to whom --run-as names;
//   2. parse_options(), after the drop, since it opens @FILEs: words to
//      Options, with everything that words alone can get wrong found wrong;
//   3. load_capture() (client/capture.h) opens -s and -X files and looks
//      names up.
//
// Every Error of these is one sentence for the person, without "ginnel: ", and
// means exit status 2 with nothing touched.
namespace ginnel {

enum class Action { kRun, kHelp, kVersion };
enum class Method { kAuto, kNft };
enum class TransportChoice { kAuto, kLibssh, kOpenssh };

// Which of the networks that the far end has routes to are captured: none;
// private ones and small public ones; or what it says.
enum class AutoNets { kNo, kModest, kAll };

// `-o KEY=VALUE`, or "KEY VALUE" as ssh_config writes it.
struct SshOption {
  std::string key;
  std::string value;
};

// `--lan`: an interface's name, or the addresses of the hosts behind it.
using Lan = std::variant<std::string, Prefix>;
inline constexpr std::size_t kMaxLans = 64;
inline constexpr std::size_t kMaxNameServers = 32;
inline constexpr std::size_t kMaxDnsDomains = 64;
inline constexpr std::size_t kMaxSeedHosts = 1024;

struct Options {
  Action action = Action::kRun;

  // The SSH connection.
  Remote remote;
  std::optional<std::uint16_t> port;  // what -p says; remote.port says it, too
  TransportChoice transport = TransportChoice::kAuto;
  std::vector<std::string> ssh_command;   // words of -e; empty: not given
  std::optional<std::string> ssh_config;  // -F; "none" as ssh means it
  std::vector<std::string> identity_files;
  std::vector<SshOption> ssh_options;  // in order; ssh takes the first of a key

  // What is captured; see load_capture().
  std::vector<SubnetSpec> includes;
  std::vector<SubnetSpec> excludes;
  std::vector<std::string> include_files;
  std::vector<std::string> exclude_files;
  bool ipv6 = true;
  std::vector<ListenSpec> listeners;  // empty: not given
  std::vector<Lan> lans;
  std::optional<std::string> user;   // name or number, not looked up
  std::optional<std::string> group;  // name or number, not looked up
  Method method = Method::kAuto;

  // Names and networks of the far end.
  bool dns = false;                      // look-ups go there
  std::vector<IpAddress> name_servers;   // whose; empty: resolv.conf's
  std::optional<Endpoint> far_server;    // to which there; none: its own
  std::vector<std::string> dns_domains;  // only these names; empty: all
  AutoNets auto_nets = AutoNets::kNo;
  bool auto_hosts = false;
  std::vector<std::string> seed_hosts;

  // The process.
  int verbose = 0;
  bool daemon = false;
  bool syslog = false;                 // also set by `daemon`
  std::optional<std::string> pidfile;  // "ginnel.pid" when only -D was given
  std::optional<std::string> run_as;

  // Sentences to log once logging is set up: a password that others can see,
  // sshuttle's options that do nothing here, a "10/8".
  std::vector<std::string> warnings;
};

// The words to parse: those of `environment` (the value of GINNEL_ARGS, split
// as a shell would; null when unset) and then argv's after the first.
Result<std::vector<std::string>> command_line(const char* environment, int argc,
                                              const char* const* argv);

// What --run-as says in these words; the last one counts. @FILEs are not
// opened (parse_options() refuses a --run-as that comes from one), and words
// that do not parse are left for parse_options() to complain about.
std::optional<std::string> find_run_as(const std::vector<std::string>& args);

// Reads the whole command line. `read_file` is called for @FILEs only. With
// -h or -V, only `action` is set, whatever else the words say.
Result<Options> parse_options(const std::vector<std::string>& args,
                              const FileReader& read_file);

// What -h prints, and what -V prints; both end in a newline.
std::string usage();
std::string version();

std::string to_string(const SshOption& option);  // "KEY=VALUE"
// Everything that differs from the defaults, a line each, for tests.
std::string to_string(const Options& options);

}  // namespace ginnel
