// SPDX-License-Identifier: GPL-3.0-or-later
// Any file as a hosts file that gets a block of ours and loses it again, and
// any note of an edit that was not completed.
#include "firewall/hosts_edit.h"

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

using namespace ginnel::firewall;

void require(bool holds) {
  if (!holds) std::abort();
}

// What a killed process leaves, and what completes it.
void check_edit(const std::string& from, const std::string& to) {
  TailEdit edit = edit_between(from, to);
  require(edit.offset <= from.size());
  require(from.substr(0, edit.offset) + edit.before == from);
  require(from.substr(0, edit.offset) + edit.after == to);
  require(from_note(to_note(edit)) == edit);
  auto rest = rest_of(edit, from);
  require(rest && from.substr(0, rest->offset) + rest->after == to);
  auto none = rest_of(edit, to);
  require(none && to.substr(0, none->offset) + none->after == to);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  if (auto edit = from_note(text)) {
    require(from_note(to_note(*edit)) == *edit);
    (void)rest_of(*edit, text);
  }
  (void)without_blocks(text, [](const std::string&) { return true; });

  BlockOwner owner;
  owner.process = 4711;
  owner.boot = "1f3e9c7a";
  const std::string name = to_string(owner);
  require(parse_block_owner(name) == owner);
  OwnerTest ours = [&](const std::string& each) { return each == name; };
  if (without_blocks(text, ours) != text) return 0;  // has one already
  const std::vector<Host> hosts = {
      Host(*ginnel::IpAddress::parse("10.1.2.3"), "printer.corp")};
  std::string with = with_block(text, name, hosts);
  require(without_blocks(with, ours) == text);
  check_edit(text, with);
  check_edit(with, text);
  return 0;
}
