// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ginnel {

// How one option is written.
struct OptionName {
  char short_name = '\0';      // '\0': has none
  std::string_view long_name;  // without "--"; empty: has none
  std::string_view metavar;    // what its value is called; empty: takes none
  // The value when none is attached by '='; empty: it needs one. Such an
  // option takes no value from the next word, nor behind its letter.
  std::string_view implied = {};
};

// "--long", or "-s" where there is no long name: how an option is named in
// messages and in canonical form.
std::string canonical_name(const OptionName& name);

// A command line with no abbreviation, bundle, attached value or "--" left.
struct CanonicalArguments {
  // canonical_name() of each option, followed by its value if it takes one.
  std::vector<std::string> options;
  std::vector<std::string> positionals;
};

// Reads a command line as Python's argparse does, sshuttle's parser, so that
// its commands work unchanged and what CLI11 would read otherwise never
// reaches it:
//
//   --exclude=VALUE  --exclude VALUE  --exclude-f VALUE (a unique prefix)
//   -rVALUE  -r VALUE  -r=VALUE  -vDr VALUE  "--" (only subnets follow)
//
// "-", negative numbers and unknown "-…" words with a blank in them are values
// or positionals, not options. Options and positionals may be mixed.
// An Error names the word that is unknown, ambiguous (with the candidates),
// lacks its value, or has one too many.
Result<CanonicalArguments> canonical_arguments(
    std::span<const OptionName> names, const std::vector<std::string>& args);

}  // namespace ginnel
