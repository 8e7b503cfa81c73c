// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ginnel {

// Limits on what a person can hand us; far above what anyone has typed
// (20 000 prefixes in an @FILE are under 400 kB).
inline constexpr std::size_t kMaxFileSize = 4 << 20;   // bytes a file
inline constexpr std::size_t kMaxArguments = 100'000;  // words in all
inline constexpr std::size_t kMaxArgumentSize = 4096;  // bytes a word
inline constexpr int kMaxFileDepth = 8;                // @FILEs in @FILEs

// Without the blanks, line ends among them, at both ends.
std::string_view trimmed(std::string_view text);

// The whole of a file of at most kMaxFileSize bytes. The Error is a sentence
// that names the path.
using FileReader = std::function<Result<std::string>(const std::string& path)>;

// Replaces each "@FILE" by the file's lines, one argument a line: a '#' in the
// first column makes a comment, blanks around a line and one pair of quotes
// around all of it are dropped, an "@FILE" line is replaced in turn. Empty
// lines are skipped (sshuttle takes them for an empty subnet and fails).
Result<std::vector<std::string>> expand_argument_files(
    const std::vector<std::string>& args, const FileReader& read_file);

// Splits as a POSIX shell splits words: blanks separate, '…' is literal, in
// "…" a backslash hides '"' and '\', outside it hides anything. `what` names
// the text in an Error.
Result<std::vector<std::string>> split_words(std::string_view text,
                                             const std::string& what);

}  // namespace ginnel
