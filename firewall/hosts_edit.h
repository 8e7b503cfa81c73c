// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "firewall/wire.h"

// The hosts file as text: what a block of ours looks like in it, and what has
// to be written to get it in or out. Pure; hosts_block.h has the files.
//
//   # ginnel 4711-883920-4026531836-1f3e9c7a begins; these lines go when it
//   ends 10.1.2.3 printer.corp # ginnel # ginnel
//   4711-883920-4026531836-1f3e9c7a ends
//
// Every line carries the mark, so that a line which somebody puts among ours is
// told from them, and stays. A block follows the last line there is; when that
// line has no newline, it gets one, and the first line of the block says so
// ("begins after an unfinished line of 9 bytes"), so that the newline goes with
// the block, or with the block behind it when that one stays longer.
namespace ginnel::firewall {

// Who wrote a block: the name in its first and last line.
struct BlockOwner {
  std::uint64_t process = 0;        // its id
  std::uint64_t start = 0;          // clock ticks after boot, as in /proc
  std::uint64_t pid_namespace = 0;  // the one in which that id counts
  std::string boot;                 // eight digits of the kernel's boot id

  bool operator==(const BlockOwner&) const = default;
};
std::string to_string(const BlockOwner& owner);
std::optional<BlockOwner> parse_block_owner(std::string_view name);

// The end of a file becomes another: `before`, which is what follows the first
// `offset` bytes, turns into `after`.
struct TailEdit {
  std::size_t offset = 0;
  std::string before;
  std::string after;

  bool empty() const { return before.empty() && after.empty(); }
  // No write, only a cut, which is whole or not at all.
  bool cuts_only() const { return after.empty(); }
  bool operator==(const TailEdit&) const = default;
};

using OwnerTest = std::function<bool(const std::string& name)>;

// The file's text without the blocks whose owners are `doomed`. All else stays
// as it is. A block that breaks off (without its last line) ends before the
// next block; behind its last whole line an unfinished one at the end of the
// file is part of it.
std::string without_blocks(std::string_view text, const OwnerTest& doomed);

// The text with a block of that name at its end. REQUIRES: there is none.
std::string with_block(std::string_view text, const std::string& name,
                       std::span<const Host> hosts);

// The least edit that turns one text into the other; it may be empty().
TailEdit edit_between(std::string_view from, std::string_view to);

// `edit`, as far as it has not been made of a file that has this text; made it
// is by writing `after` at `offset`, front to back, then cutting what is left
// of `before`. Nothing if this text is not what comes of stopping on that way:
// somebody else has been at work since.
std::optional<TailEdit> rest_of(const TailEdit& edit, std::string_view text);

// An edit as a note for those who may have to complete it, and back; nothing
// for a note that breaks off or is none.
std::string to_note(const TailEdit& edit);
std::optional<TailEdit> from_note(std::string_view note);

}  // namespace ginnel::firewall
