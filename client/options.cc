// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "client/argument_syntax.h"
#include "client/option_table.h"

namespace ginnel {
namespace {

constexpr std::string_view kExample = "ginnel -r user@host 10.0.0.0/8";
constexpr std::size_t kHelpColumn = 34;
// Sentences about odd subnets; a file full of them is odd once.
constexpr std::size_t kMaxAdvice = 10;

const std::vector<OptionName>& option_names() {
  static const std::vector<OptionName> names = [] {
    std::vector<OptionName> result;
    for (const OptionRow& row : option_table()) result.push_back(row.name);
    return result;
  }();
  return names;
}

// CLI11's help, with "-r, --remote" for its "-r,--remote" and a usage line
// that a person can copy.
class Formatter : public CLI::Formatter {
 public:
  Formatter() { column_width(kHelpColumn); }

  std::string make_usage(const CLI::App*, std::string) const override {
    return concat(
        "Usage: ginnel [OPTION...] -r [USER@]HOST[:PORT] "
        "SUBNET[:PORT[-PORT]]...\n\n");
  }
  std::string make_group(
      std::string group, bool positional,
      std::vector<const CLI::Option*> options) const override {
    std::string text = CLI::Formatter::make_group(std::move(group), positional,
                                                  std::move(options));
    return text.substr(text.starts_with('\n'));  // one blank line is enough
  }
  std::string make_option_name(const CLI::Option* option,
                               bool positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, positional);
    if (name.starts_with("--")) return "    " + name;
    std::size_t comma = name.find(',');
    return comma == std::string::npos ? name : name.insert(comma + 1, " ");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string& metavar = option->get_type_name();
    return metavar.empty() ? "" : " " + metavar;
  }
};

// The table as CLI11 knows it. It is handed canonical arguments only, since
// its own reading of a command line differs from argparse's. Good for one
// parse: CLI11 2.1 keeps parse_order() of an earlier one.
class Parser {
 public:
  Parser()
      : app_(
            "Connections to the SUBNETs, from this machine or a LAN behind "
            "it, come out at\nHOST.\n",
            "ginnel") {
    app_.set_help_flag();
    app_.formatter(std::make_shared<Formatter>());
    app_.footer(footer());
    for (const OptionRow& row : option_table()) add(row);
  }

  std::string help() const { return app_.help(); }

  // Each option's row and value, in the order given.
  using Given = std::vector<std::pair<const OptionRow*, std::string>>;
  Result<Given> parse(std::vector<std::string> canonical) {
    std::reverse(canonical.begin(), canonical.end());  // as CLI11 wants it
    try {
      app_.parse(canonical);
    } catch (const CLI::ParseError& error) {
      return Error(printable(error.what()));
    }
    Given given;
    std::map<const CLI::Option*, std::size_t> seen;
    for (const CLI::Option* option : app_.parse_order()) {
      given.emplace_back(rows_.at(option), option->results()[seen[option]++]);
    }
    return given;
  }

 private:
  void add(const OptionRow& row) {
    std::string names = canonical_name(row.name);
    if (row.name.short_name != '\0' && !row.name.long_name.empty()) {
      names = concat('-', row.name.short_name, ',', names);
    }
    const std::string help(row.help);  // non-const: add_flag would bind it
    CLI::Option* option = row.name.metavar.empty()
                              ? app_.add_flag(names, help)
                              : app_.add_option(names)->description(help);
    option->type_name(std::string(row.name.metavar));
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    option->group(std::string(row.group));  // "": not shown
    rows_[option] = &row;
  }

  static std::string footer() {
    return concat(
        "sshuttle's options that mean nothing here are taken and "
        "ignored:\n",
        names_of(OptionKind::kNoMeaning), "Not in this version:\n",
        names_of(OptionKind::kLater),
        "An @FILE holds arguments, one a line; GINNEL_ARGS holds "
        "words put in front.\nExample: ",
        kExample, "\nAll of it: man ginnel");
  }

  // The options of one kind, in lines of 80 columns.
  static std::string names_of(OptionKind kind) {
    std::string lines, line;
    for (const OptionRow& row : option_table()) {
      if (row.kind != kind) continue;
      std::string name = canonical_name(row.name);
      if (line.size() + name.size() > 78) {
        lines += std::exchange(line, {}) + '\n';
      }
      line += (line.empty() ? "  " : " ") + name;
    }
    return lines + line + '\n';
  }

  CLI::App app_;
  std::map<const CLI::Option*, const OptionRow*> rows_;
};

std::string joined(const std::vector<std::string>& names) {
  std::string result;
  for (const std::string& name : names) {
    if (!result.empty()) result += name == names.back() ? " and " : ", ";
    result += name;
  }
  return result;
}

// -h or -V alone, whichever comes first, if either is there.
std::optional<Options> information(const Parser::Given& given) {
  for (const auto& [row, value] : given) {
    if (row->name.short_name != 'h' && row->name.short_name != 'V') continue;
    Options only;
    only.action =
        row->name.short_name == 'h' ? Action::kHelp : Action::kVersion;
    return only;
  }
  return std::nullopt;
}

Result<void> apply_options(const Parser::Given& given, Options& options) {
  std::vector<std::string> ignored;
  for (const auto& [row, value] : given) {
    std::string name = canonical_name(row->name);
    if (value.empty()) {
      return Error(concat(name, " has an empty value; write ", name, ' ',
                          row->name.metavar));
    }
    if (row->kind == OptionKind::kLater) {
      return Error(
          concat(name, " is not available in this version (", row->help, ")"));
    }
    if (row->kind == OptionKind::kNoMeaning) {
      bool known = std::count(ignored.begin(), ignored.end(), name) > 0;
      if (!known) ignored.push_back(std::move(name));
    } else if (auto done = row->apply(options, value); !done) {
      return done;
    }
  }
  if (!ignored.empty()) {
    options.warnings.push_back(
        concat(joined(ignored), ignored.size() == 1 ? " means" : " mean",
               " something to sshuttle but nothing to ginnel; ignored"));
  }
  return {};
}

// Those about names.
Result<void> check_names(Options& options) {
  if (!options.name_servers.empty() || !options.dns_domains.empty()) {
    options.dns = true;
  }
  if (options.far_server && !options.dns) {
    return Error(
        "--to-ns says where look-ups go, but none are captured; add --dns");
  }
  if (!options.seed_hosts.empty() && !options.auto_hosts) {
    return Error(
        "--seed-hosts says where to begin looking for host names, which -H "
        "asks for; add -H");
  }
  return {};
}

// What no option sees alone.
Result<void> check_together(Options& options) {
  Remote& remote = options.remote;
  if (remote.host.empty()) {
    return Error(
        concat("no far end is named; write -r USER@HOST, as in: ", kExample));
  }
  if (options.port && remote.port && options.port != remote.port) {
    return Error(concat("-p says port ", *options.port, " and -r port ",
                        *remote.port, "; leave one of them out"));
  }
  if (options.port) remote.port = options.port;
  if (options.includes.empty() && options.include_files.empty() &&
      options.auto_nets == AutoNets::kNo) {
    return Error(
        concat("no network is named; write at least one, -s FILE or -N, "
               "as in: ",
               kExample));
  }
  if (auto checked = check_names(options); !checked) return checked;
  if (!options.ssh_command.empty() &&
      options.transport == TransportChoice::kLibssh) {
    return Error(
        "-e names an ssh command, which --transport libssh does not "
        "run; leave one of them out");
  }
  if (remote.password) {
    options.warnings.emplace_back(
        "every user of this machine can see the password in -r; leave it out "
        "to be asked for it, or use a key");
  }
  if (options.daemon && !options.pidfile) options.pidfile = "ginnel.pid";
  return {};
}

void add_advice(Options& options) {
  std::size_t count = 0;
  for (const auto* specs : {&options.includes, &options.excludes}) {
    for (const SubnetSpec& spec : *specs) {
      if (spec.advice.empty() || count == kMaxAdvice) continue;
      options.warnings.push_back(spec.advice);
      ++count;
    }
  }
}

}  // namespace

Result<std::vector<std::string>> command_line(const char* environment, int argc,
                                              const char* const* argv) {
  std::vector<std::string> words;
  if (environment != nullptr) {
    auto split = split_words(environment, "GINNEL_ARGS");
    if (!split) return split;
    words = std::move(*split);
  }
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  return words;
}

std::optional<std::string> find_run_as(const std::vector<std::string>& args) {
  auto canonical = canonical_arguments(option_names(), args);
  if (!canonical) return std::nullopt;
  auto given = Parser().parse(std::move(canonical->options));
  if (!given) return std::nullopt;
  std::optional<std::string> user;
  for (const auto& [row, value] : *given) {
    if (row->name.long_name == "run-as") user = value;
  }
  return user;
}

Result<Options> parse_options(const std::vector<std::string>& args,
                              const FileReader& read_file) {
  auto words = expand_argument_files(args, read_file);
  if (!words) return words.error();
  auto canonical = canonical_arguments(option_names(), *words);
  if (!canonical) return canonical.error();
  auto given = Parser().parse(std::move(canonical->options));
  if (!given) return given.error();
  if (auto only = information(*given)) return std::move(*only);

  Options options;
  if (auto done = apply_options(*given, options); !done) return done.error();
  for (const std::string& subnet : canonical->positionals) {
    auto spec = parse_subnet(subnet);
    if (!spec) return spec.error();
    options.includes.push_back(std::move(*spec));
  }
  if (auto done = check_together(options); !done) return done.error();
  if (options.run_as && options.run_as != find_run_as(args)) {
    return Error(
        "--run-as stands in an @FILE, which is opened too late for "
        "it; write it on the command line");
  }
  add_advice(options);
  return options;
}

std::string usage() { return Parser().help(); }

std::string version() { return "ginnel " GINNEL_VERSION "\n"; }

}  // namespace ginnel
