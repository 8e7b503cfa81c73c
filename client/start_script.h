// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// The shell line that receives and starts the helper, and what it answers
// (pure).
//
// The login shell may be anything, and may print anything before it runs our
// line. So the line is `exec sh -c '...'` with nothing inside that dash, bash,
// busybox, fish, csh or zsh would take for their own: no quote, no backslash,
// no `!`, no newline. Each answer is a line that holds
//
//     ginnel-NONCE:WORD REST
//
// where NONCE is random and new at each start. The command itself holds no such
// text (the nonce stands in a variable), so an echo of it is no answer. The
// words, in the order they may come:
//
//     machine SYSTEM MACHINE   what uname says
//     ready                    send the helper's packed bytes now
//     failed REASON REST       no-mktemp, no-gzip, no-folder (REST: the folders
//                              tried), unpack (REST: what the tools said)
//
// A folder will do when an empty script runs there and it has room for the
// unpacked helper, which is tried by writing as many zeroes. After `ready` the
// script reads exactly the packed bytes, unpacks them into a
// file that mktemp made under umask 077, opens and unlinks it, and becomes it
// by /proc/self/fd; where that is not to be had it runs the file as
// `FILE --unlink FILE`, and the helper unlinks itself.
namespace ginnel::start_script {

// `nonce` is of letters and digits; the sizes are of the helper.
std::string command(std::string_view nonce, std::size_t packed_size,
                    std::size_t unpacked_size);

struct Answer {
  std::string word;
  std::string rest;  // printable
};

// Finds the answers in what the far end prints.
class AnswerReader {
 public:
  // Login scripts may print this much before an answer.
  static constexpr std::size_t kMaxNoise = 64 * 1024;

  explicit AnswerReader(std::string_view nonce);

  void add(std::string_view text) { text_ += text; }
  // The next answer; nothing until its line is whole. An error when there is
  // too much else.
  Result<std::optional<Answer>> next();
  // What was printed after the answers so far.
  std::string take_rest() { return std::move(text_); }
  // The start of what was printed that is no answer, for an error's sentence.
  std::string noise() const;

 private:
  std::string marker_;
  std::string text_;
};

// One sentence for a `failed` answer; `host` is the far end's name.
std::string describe_failure(const Answer& failed, std::string_view host);

}  // namespace ginnel::start_script
