// SPDX-License-Identifier: GPL-3.0-or-later
// What is made of any file as a hosts file.
#include "names/hosts_file.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace ginnel::names;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  HostsFile file(text);
  while (auto line = file.next()) {
    if (line->names.empty() || line->names.size() > HostsLine::kMaxNames) {
      std::abort();
    }
    for (auto name : line->names) {
      if (name.empty() || name.find_first_of(" \t\n#") != name.npos ||
          addresses_in_hosts_file(text, name).empty()) {
        std::abort();
      }
    }
    if (size > 4096) break;  // else it takes the square of the time
  }
  return 0;
}
