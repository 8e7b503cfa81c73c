// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/argument_syntax.h"

#include <optional>
#include <utility>

#include "base/strings.h"

namespace ginnel {
namespace {

constexpr std::string_view kDigits = "0123456789";

// -5, -1.5, -.5: argparse takes these for values.
bool is_negative_number(std::string_view word) {
  std::string_view digits = word.substr(1);
  if (std::size_t dot = digits.find('.'); dot != std::string_view::npos) {
    if (digits.substr(0, dot).find_first_not_of(kDigits) !=
        std::string_view::npos) {
      return false;
    }
    digits.remove_prefix(dot + 1);
  }
  return !digits.empty() &&
         digits.find_first_not_of(kDigits) == std::string_view::npos;
}

// An option as it stands in one word: which, and the value attached to it.
struct Found {
  const OptionName* option;
  std::optional<std::string_view> value;
};

class Reader {
 public:
  Reader(std::span<const OptionName> names,
         const std::vector<std::string>& args)
      : names_(names), args_(args) {}

  Result<CanonicalArguments> read() {
    bool only_positionals = false;
    while (next_ < args_.size()) {
      const std::string& word = args_[next_++];
      if (only_positionals || !is_option(word)) {
        result_.positionals.push_back(word);
      } else if (word == "--") {
        only_positionals = true;
      } else if (auto taken =
                     word[1] == '-' ? take_long(word) : take_bundle(word);
                 !taken) {
        return taken.error();
      }
    }
    return std::move(result_);
  }

 private:
  // Whether argparse would take `word` for an option, known or not.
  bool is_option(std::string_view word) const {
    if (word.size() < 2 || word[0] != '-') return false;
    if (word == "--") return true;
    bool known = word[1] == '-' ? !candidates(long_part(word)).empty()
                                : by_short_name(word[1]) != nullptr;
    if (known) return true;
    return !is_negative_number(word) &&
           word.find(' ') == std::string_view::npos;
  }

  Result<void> take_long(std::string_view word) {
    auto matches = candidates(long_part(word));
    if (matches.empty()) return unknown(word.substr(0, word.find('=')));
    if (matches.size() > 1) return ambiguous(word, matches);
    Found found{matches[0], std::nullopt};
    if (std::size_t equals = word.find('='); equals != std::string_view::npos) {
      found.value = word.substr(equals + 1);
    }
    return take(found);
  }

  // "-v", "-rHOST", "-vDr": flags, then at most one option with a value.
  Result<void> take_bundle(std::string_view word) {
    for (std::string_view rest = word.substr(1); !rest.empty();) {
      const OptionName* option = by_short_name(rest[0]);
      if (option == nullptr) {
        return unknown(word.size() == 2 ? std::string(word)
                                        : concat('-', rest.substr(0, 1),
                                                 " (in ", word, ")"));
      }
      rest.remove_prefix(1);
      Found found{option, std::nullopt};
      bool equals = rest.starts_with('=');
      bool takes_rest = !option->metavar.empty() && option->implied.empty();
      if (!rest.empty() && (equals || takes_rest)) {
        found.value = rest.substr(equals ? 1 : 0);
        rest = {};
      }
      if (auto taken = take(found); !taken) return taken;
    }
    return {};
  }

  // Emits the option with its value, from the next word if need be.
  Result<void> take(Found found) {
    const OptionName& option = *found.option;
    std::string name = canonical_name(option);
    if (option.metavar.empty()) {
      if (found.value) {
        return Error(concat(name, " takes no value; remove \"",
                            printable(*found.value, 40), "\""));
      }
      result_.options.push_back(std::move(name));
      return {};
    }
    if (!found.value && !option.implied.empty()) found.value = option.implied;
    if (!found.value) {
      if (next_ == args_.size() || is_option(args_[next_])) {
        return Error(
            concat(name, " needs a value; write ", name, ' ', option.metavar));
      }
      found.value = args_[next_++];
    }
    result_.options.push_back(std::move(name));
    result_.options.emplace_back(*found.value);
    return {};
  }

  static std::string_view long_part(std::string_view word) {
    word.remove_prefix(2);
    return word.substr(0, word.find('='));
  }

  // The options that `name` may stand for: an exact match, or all that begin
  // with it.
  std::vector<const OptionName*> candidates(std::string_view name) const {
    std::vector<const OptionName*> result;
    if (name.empty()) return result;
    for (const OptionName& option : names_) {
      if (option.long_name.empty()) continue;
      if (option.long_name == name) return {&option};
      if (option.long_name.starts_with(name)) result.push_back(&option);
    }
    return result;
  }

  const OptionName* by_short_name(char letter) const {
    for (const OptionName& option : names_) {
      if (letter != '\0' && option.short_name == letter) return &option;
    }
    return nullptr;
  }

  static Error unknown(std::string_view word) {
    return Error(concat(printable(word, 60),
                        " is not an option of ginnel; see ginnel --help"));
  }

  static Error ambiguous(std::string_view word,
                         const std::vector<const OptionName*>& matches) {
    std::string names;
    for (const OptionName* match : matches) {
      if (!names.empty()) names += match == matches.back() ? " or " : ", ";
      names += canonical_name(*match);
    }
    return Error(concat("--", printable(long_part(word), 60),
                        " is ambiguous; write ", names));
  }

  std::span<const OptionName> names_;
  const std::vector<std::string>& args_;
  std::size_t next_ = 0;
  CanonicalArguments result_;
};

}  // namespace

std::string canonical_name(const OptionName& name) {
  if (name.long_name.empty()) return {'-', name.short_name};
  return concat("--", name.long_name);
}

Result<CanonicalArguments> canonical_arguments(
    std::span<const OptionName> names, const std::vector<std::string>& args) {
  return Reader(names, args).read();
}

}  // namespace ginnel
