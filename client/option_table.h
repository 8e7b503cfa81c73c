// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "client/argument_syntax.h"
#include "client/options.h"

namespace ginnel {

enum class OptionKind {
  kWorks,
  // sshuttle's, with nothing to do here: taken, with one notice for all.
  kNoMeaning,
  // Refused; `help` says what it waits for.
  kLater,
};

// One option: how it is written, what the usage says of it, what it does.
struct OptionRow {
  OptionName name;
  OptionKind kind;
  std::string_view group;  // its heading in the usage; kWorks only
  std::string_view help;   // lines of at most 46 columns
  // Puts the value ("true" for one that takes none) into the options; kWorks
  // only. The value is not empty.
  Result<void> (*apply)(Options& options, const std::string& value);
};

// Every option there is, in the usage's order.
std::span<const OptionRow> option_table();

}  // namespace ginnel
