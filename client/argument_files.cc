// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/argument_files.h"

#include <utility>

#include "base/strings.h"

namespace ginnel {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f\v";

// A line copied from a command line may have kept its quotes.
std::string_view unquoted(std::string_view text) {
  bool quoted = text.size() > 1 && (text[0] == '\'' || text[0] == '"') &&
                text.back() == text[0];
  return quoted ? text.substr(1, text.size() - 2) : text;
}

class Expander {
 public:
  explicit Expander(const FileReader& read_file) : read_file_(read_file) {}

  // `depth` counts the files that `word` stands in.
  Result<void> add(std::string_view word, int depth) {
    if (word.size() > kMaxArgumentSize) {
      return Error(concat("the argument that begins \"", printable(word, 40),
                          "\" is longer than ", kMaxArgumentSize, " bytes"));
    }
    if (word.starts_with('@')) {
      return add_file(std::string(word.substr(1)), depth);
    }
    if (words_.size() == kMaxArguments) {
      return Error(concat("there are more than ", kMaxArguments,
                          " arguments; put subnets into a file for -s"));
    }
    words_.emplace_back(word);
    return {};
  }

  std::vector<std::string> take() { return std::move(words_); }

 private:
  Result<void> add_file(const std::string& path, int depth) {
    if (path.empty()) {
      return Error("@ names no file; write @FILE, one argument a line");
    }
    // Counts repeats, too: eight files that name each other twice over would
    // be read 256 times.
    if (depth == kMaxFileDepth || ++files_ > kMaxFiles) {
      return Error(concat("@", printable(path),
                          ": too many argument files name one another; does "
                          "one name itself?"));
    }
    Result<std::string> text = read_file_(path);
    if (!text) return text.error();
    if (text->find('\0') != std::string::npos) {
      return Error(concat("@", printable(path),
                          ": a file of arguments is text; this holds a zero "
                          "byte"));
    }
    return add_lines(*text, depth + 1);
  }

  Result<void> add_lines(std::string_view text, int depth) {
    while (!text.empty()) {
      std::size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (line.starts_with('#')) continue;
      line = trimmed(line);
      if (line.empty()) continue;
      if (auto added = add(unquoted(line), depth); !added) return added;
    }
    return {};
  }

  static constexpr int kMaxFiles = 64;

  const FileReader& read_file_;
  std::vector<std::string> words_;
  int files_ = 0;
};

// Splits one text into words, a byte at a time.
class Splitter {
 public:
  void feed(char byte) {
    if (escaped_) {
      // In "…" a backslash before anything else is itself.
      if (quote_ == '"' && byte != '"' && byte != '\\') word_ += '\\';
      word_ += byte;
      escaped_ = false;
    } else if (byte == '\\' && quote_ != '\'') {
      escaped_ = in_word_ = true;
    } else if (quote_ != '\0') {
      if (byte == quote_) {
        quote_ = '\0';
      } else {
        word_ += byte;
      }
    } else if (byte == '\'' || byte == '"') {
      quote_ = byte;
      in_word_ = true;
    } else if (kBlanks.find(byte) != std::string_view::npos) {
      end_word();
    } else {
      word_ += byte;
      in_word_ = true;
    }
  }

  void end_word() {
    if (in_word_) words_.push_back(std::exchange(word_, {}));
    in_word_ = false;
  }

  char open_quote() const { return quote_; }
  bool escaped() const { return escaped_; }
  std::vector<std::string> take() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
  std::string word_;
  bool in_word_ = false;  // `word_` counts, though it may be empty: ''
  bool escaped_ = false;
  char quote_ = '\0';
};

}  // namespace

std::string_view trimmed(std::string_view text) {
  std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

Result<std::vector<std::string>> expand_argument_files(
    const std::vector<std::string>& args, const FileReader& read_file) {
  Expander expander(read_file);
  for (const std::string& arg : args) {
    if (auto added = expander.add(arg, 0); !added) return added.error();
  }
  return expander.take();
}

Result<std::vector<std::string>> split_words(std::string_view text,
                                             const std::string& what) {
  Splitter splitter;
  for (char byte : text) splitter.feed(byte);
  if (splitter.open_quote() != '\0') {
    return Error(concat(what, " has a ", splitter.open_quote(),
                        " without its partner; close the quote"));
  }
  if (splitter.escaped()) {
    return Error(concat(what,
                        " ends in a backslash that hides nothing; "
                        "remove it"));
  }
  splitter.end_word();
  return splitter.take();
}

}  // namespace ginnel
