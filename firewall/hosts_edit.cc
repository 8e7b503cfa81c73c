// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/hosts_edit.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

constexpr std::string_view kMark = "# ginnel";
constexpr std::string_view kBegins = " begins";
constexpr std::string_view kUnfinished = " after an unfinished line of ";
constexpr std::string_view kBytes = " bytes";
constexpr std::string_view kPromise = "; these lines go when it ends\n";
constexpr std::string_view kEnds = " ends\n";
constexpr std::string_view kEntryMark = " # ginnel\n";
constexpr std::size_t kBootDigits = 8;

// Takes "WORD" off the front of the text, or leaves it.
bool skip(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(stop - text.data());
  return number;
}

// The first line, with its newline if it has one.
std::string_view first_line(std::string_view text) {
  std::size_t newline = text.find('\n');
  return newline == text.npos ? text : text.substr(0, newline + 1);
}

// "# ginnel NAME WHAT": takes the front off, and returns the name.
std::optional<std::string> take_owner(std::string_view& line) {
  std::string_view rest = line;
  if (!skip(rest, kMark) || !skip(rest, " ")) return std::nullopt;
  std::string_view name = rest.substr(0, rest.find(' '));
  if (!parse_block_owner(name)) return std::nullopt;
  line = rest.substr(name.size());
  return std::string(name);
}

struct FirstLine {
  std::string name;
  // The length of the line before, if that had no newline of its own.
  std::optional<std::uint64_t> unfinished;
};

std::optional<FirstLine> parse_first_line(std::string_view line) {
  std::optional<std::string> name = take_owner(line);
  if (!name || !skip(line, kBegins)) return std::nullopt;
  FirstLine first{std::move(*name), std::nullopt};
  if (skip(line, kUnfinished)) {
    first.unfinished = take_number(line);
    if (!first.unfinished || !skip(line, kBytes)) return std::nullopt;
  }
  if (line != kPromise) return std::nullopt;
  return first;
}

bool is_last_line(std::string_view line, const std::string& name) {
  return take_owner(line) == name && line == kEnds;
}

std::string to_string(const FirstLine& first) {
  std::string unfinished;
  if (first.unfinished) {
    unfinished = concat(kUnfinished, *first.unfinished, kBytes);
  }
  return concat(kMark, " ", first.name, kBegins, unfinished, kPromise);
}

// The bytes since the last newline.
std::size_t unfinished_size(std::string_view text) {
  std::size_t newline = text.rfind('\n');
  return newline == text.npos ? text.size() : text.size() - newline - 1;
}

// A doomed block's whereabouts, and what others have written in it.
struct Found {
  FirstLine first;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string foreign;
};

// The block that begins at the front of `text`, `begin` bytes into the file.
Found measure(std::string_view text, std::size_t begin, FirstLine first) {
  Found found{std::move(first), begin, begin, {}};
  std::size_t at = first_line(text).size();
  // Up to here lines are the block's; what follows may be others'.
  std::size_t own_end = at;
  std::size_t own_foreign = 0;
  bool broken_off = true;
  bool after_own = true;
  while (broken_off && at < text.size()) {
    std::string_view line = first_line(text.substr(at));
    if (parse_first_line(line)) break;
    at += line.size();
    broken_off = !is_last_line(line, found.first.name);
    bool own = !broken_off || line.ends_with(kEntryMark) ||
               (after_own && !line.ends_with('\n'));
    if (!own) found.foreign += line;
    after_own = own;
    if (!own) continue;
    own_end = at;
    own_foreign = found.foreign.size();
  }
  found.end = begin + own_end;
  found.foreign.resize(own_foreign);
  return found;
}

std::optional<Found> find_block(std::string_view text,
                                const OwnerTest& doomed) {
  for (std::size_t at = 0; at < text.size();) {
    std::string_view line = first_line(text.substr(at));
    std::optional<FirstLine> first = parse_first_line(line);
    if (first && doomed(first->name)) {
      return measure(text.substr(at), at, std::move(*first));
    }
    at += line.size();
  }
  return std::nullopt;
}

std::string without(std::string_view text, const Found& block) {
  std::string_view kept = text.substr(0, block.begin);
  std::string rest = concat(block.foreign, text.substr(block.end));
  std::string_view last = kept.substr(0, kept.empty() ? 0 : kept.size() - 1);
  // Else somebody has put lines between.
  if (block.first.unfinished == unfinished_size(last)) {
    std::string_view line = first_line(rest);
    std::optional<FirstLine> next = parse_first_line(line);
    if (rest.empty()) {
      kept = last;
    } else if (next) {
      next->unfinished = block.first.unfinished;
      rest = concat(*next, rest.substr(line.size()));
    }
  }
  return concat(kept, rest);
}

}  // namespace

std::string to_string(const BlockOwner& owner) {
  return concat(owner.process, "-", owner.start, "-", owner.pid_namespace, "-",
                owner.boot);
}

std::optional<BlockOwner> parse_block_owner(std::string_view name) {
  std::string_view rest = name;
  BlockOwner owner;
  for (std::uint64_t* field :
       {&owner.process, &owner.start, &owner.pid_namespace}) {
    std::optional<std::uint64_t> number = take_number(rest);
    if (!number || !skip(rest, "-")) return std::nullopt;
    *field = *number;
  }
  if (rest.size() != kBootDigits ||
      rest.find_first_not_of("0123456789abcdef") != rest.npos) {
    return std::nullopt;
  }
  owner.boot = rest;
  // One name each: no leading zeros.
  if (to_string(owner) != name) return std::nullopt;
  return owner;
}

std::string without_blocks(std::string_view text, const OwnerTest& doomed) {
  std::string left(text);
  while (std::optional<Found> block = find_block(left, doomed)) {
    left = without(left, *block);
  }
  return left;
}

std::string with_block(std::string_view text, const std::string& name,
                       std::span<const Host> hosts) {
  std::string whole(text);
  FirstLine first{name, std::nullopt};
  if (std::size_t unfinished = unfinished_size(text); unfinished > 0) {
    first.unfinished = unfinished;
    whole += '\n';
  }
  whole += to_string(first);
  for (const Host& host : hosts) {
    whole += concat(host.address, " ", host.name, kEntryMark);
  }
  return whole + concat(kMark, " ", name, kEnds);
}

TailEdit edit_between(std::string_view from, std::string_view to) {
  auto [at, other] =
      std::mismatch(from.begin(), from.end(), to.begin(), to.end());
  auto offset = static_cast<std::size_t>(at - from.begin());
  return {offset, std::string(from.substr(offset)),
          std::string(to.substr(offset))};
}

std::optional<TailEdit> rest_of(const TailEdit& edit, std::string_view text) {
  if (text.size() < edit.offset) return std::nullopt;
  std::string_view tail = text.substr(edit.offset);
  if (tail == edit.after) return TailEdit{text.size(), {}, {}};
  auto [at, other] = std::mismatch(tail.begin(), tail.end(), edit.after.begin(),
                                   edit.after.end());
  auto written = static_cast<std::size_t>(at - tail.begin());
  std::string_view old = edit.before;
  std::string_view unwritten = old.substr(std::min(written, old.size()));
  if (tail.substr(written) != unwritten) return std::nullopt;
  return TailEdit{edit.offset + written, std::string(unwritten),
                  edit.after.substr(written)};
}

std::string to_note(const TailEdit& edit) {
  return concat("hosts ", edit.offset, " ", edit.before.size(), " ",
                edit.after.size(), "\n", edit.before, edit.after);
}

std::optional<TailEdit> from_note(std::string_view note) {
  if (!skip(note, "hosts ")) return std::nullopt;
  std::optional<std::uint64_t> offset = take_number(note);
  if (!offset || !skip(note, " ")) return std::nullopt;
  std::optional<std::uint64_t> before = take_number(note);
  if (!before || !skip(note, " ")) return std::nullopt;
  std::optional<std::uint64_t> after = take_number(note);
  if (!after || !skip(note, "\n")) return std::nullopt;
  if (*before > note.size() || note.size() - *before != *after) {
    return std::nullopt;
  }
  return TailEdit{*offset, std::string(note.substr(0, *before)),
                  std::string(note.substr(*before))};
}

}  // namespace ginnel::firewall
