// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "base/result.h"
#include "client/options.h"

// The options about names, as rows of option_table.cc: each puts its value into
// the options, or says in one sentence what is wrong with it.
namespace ginnel {

Result<void> name_servers(Options& options, const std::string& value);
Result<void> far_server(Options& options, const std::string& value);
Result<void> seed_hosts(Options& options, const std::string& value);
Result<void> dns_domain(Options& options, const std::string& value);
Result<void> auto_nets(Options& options, const std::string& value);

}  // namespace ginnel
