// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/hosts_edit.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

const std::string kA = "12-345-678-0123abcd";
const std::string kB = "9-1-678-0123abcd";
const std::string kC = "77-5-678-0123abcd";

std::vector<Host> two_hosts() {
  return {Host(*IpAddress::parse("10.1.2.3"), "printer.corp"),
          Host(*IpAddress::parse("fd00::1"), "db")};
}

std::string without(std::string_view text, const std::string& name) {
  return without_blocks(text,
                        [&](const std::string& each) { return each == name; });
}

std::string with(std::string_view text, const std::string& name) {
  return with_block(text, name, two_hosts());
}

std::string block(const std::string& name, const std::string& unfinished = "") {
  return concat("# ginnel ", name, " begins", unfinished,
                "; these lines go when it ends\n"
                "10.1.2.3 printer.corp # ginnel\n"
                "fd00::1 db # ginnel\n"
                "# ginnel ",
                name, " ends\n");
}

std::string made(const TailEdit& edit, std::string_view text) {
  REQUIRE(text.substr(edit.offset) == edit.before);
  return concat(text.substr(0, edit.offset), edit.after);
}

TEST_CASE("hosts edit: an owner's name is told from all else") {
  CHECK(to_string(*parse_block_owner(kA)) == kA);
  CHECK(parse_block_owner(kA)->pid_namespace == 678);
  for (const char* other :
       {"", "12", "12-345-678-", "12-345-678-0123abc", "12-345-678-0123abcdé",
        "012-345-678-0123abcd", "12-345-678-0123ABCD", "-1-345-678-0123abcd",
        "12-345-678-9-0123abcd", "99999999999999999999-1-1-0123abcd"}) {
    CAPTURE(other);
    CHECK_FALSE(parse_block_owner(other));
  }
}

TEST_CASE("hosts edit: a block comes last, and goes without a trace") {
  for (const char* text :
       {"", "\n", "127.0.0.1 localhost\n", "a\n\n", "a\r\n"}) {
    CAPTURE(text);
    CHECK(with(text, kA) == text + block(kA));
    CHECK(without(with(text, kA), kA) == text);
    CHECK(without(text, kA) == text);
  }
}

TEST_CASE("hosts edit: a missing newline is missing again afterwards") {
  CHECK(with("x\nabc", kA) ==
        "x\nabc\n" + block(kA, " after an unfinished line of 3 bytes"));
  CHECK(without(with("x\nabc", kA), kA) == "x\nabc");
  CHECK(without(with("abc", kA), kA) == "abc");
  std::string both = with(with("abc", kA), kB);
  SUBCASE("the first block goes first") {
    CHECK(without(both, kA) == with("abc", kB));
  }
  SUBCASE("the last block goes first") {
    CHECK(without(both, kB) == with("abc", kA));
  }
  SUBCASE("not if others' lines came after") {
    CHECK(without(with("abc", kA) + "d\n", kA) == "abc\nd\n");
    CHECK(without("abc\nd\n" + with("abc", kA).substr(4), kA) == "abc\nd\n");
  }
}

TEST_CASE("hosts edit: others' lines stay, wherever they are") {
  CHECK(without(with("a\n", kA) + "b\n", kA) == "a\nb\n");
  CHECK(without(with("a\n", kA) + "b", kA) == "a\nb");
  std::string text = with("a\n", kA);
  text.insert(text.find("fd00"), "10.9.9.9 mine\n");
  CHECK(without(text, kA) == "a\n10.9.9.9 mine\n");
  text.insert(text.rfind("# ginnel"), "10.9.9.9 too # ginnels\n");
  CHECK(without(text, kA) == "a\n10.9.9.9 mine\n10.9.9.9 too # ginnels\n");
  // What looks like a mark and is none.
  for (const char* other :
       {"# ginnel\n", "# ginnel begins\n", "# ginnel 1-2-3-0123abcd\n",
        "# ginnel 12-345-678-0123abcd begins\n", "10.1.1.1 x # ginnel\n"}) {
    CAPTURE(other);
    CHECK(without(other, kA) == other);
    CHECK(without(other + with("a\n", kA), kA) == concat(other, "a\n"));
  }
}

TEST_CASE("hosts edit: another run's block stays, on either side") {
  std::string three = with(with(with("a\n", kA), kB), kC);
  CHECK(without(three, kB) == with(with("a\n", kA), kC));
  CHECK(without(without(three, kA), kC) == with("a\n", kB));
  // One block more than one run ever writes.
  CHECK(without(with(with("a\n", kA), kB) + block(kA), kA) == with("a\n", kB));
}

TEST_CASE("hosts edit: a block that breaks off is found by its first line") {
  for (const char* text : {"a\n", "abc"}) {
    std::string whole = with(text, kA);
    for (std::size_t size = whole.find("10.1"); size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK(without(whole.substr(0, size), kA) == text);
    }
  }
  std::string broken = with("a\n", kA);
  broken.resize(broken.find("fd00"));
  CHECK(without(broken + block(kB) + "z", kA) == "a\n" + block(kB) + "z");
  CHECK(without(broken + "b\n10.1", kA) == "a\nb\n10.1");
}

TEST_CASE("hosts edit: the least edit, and none for what is there already") {
  std::string text = with("a\n", kA);
  CHECK(edit_between(text, text).empty());
  CHECK(edit_between(text, "a\n") == TailEdit{2, block(kA), ""});
  CHECK(edit_between(text, "a\n").cuts_only());
  CHECK(edit_between("a\n", text) == TailEdit{2, "", block(kA)});
  CHECK(edit_between("abcd", "abxy") == TailEdit{2, "cd", "xy"});
}

// All ways to stop in the middle of an edit.
void check_each_stop(const std::string& from, const std::string& to) {
  TailEdit edit = edit_between(from, to);
  for (std::size_t written = 0; written <= edit.after.size(); ++written) {
    std::string text = from.substr(0, edit.offset);
    text += edit.after.substr(0, written);
    if (written < edit.before.size()) text += edit.before.substr(written);
    CAPTURE(written);
    std::optional<TailEdit> rest = rest_of(edit, text);
    REQUIRE(rest);
    CHECK(made(*rest, text) == to);
  }
  std::optional<TailEdit> rest = rest_of(edit, to);
  REQUIRE(rest);
  CHECK(rest->empty());
}

TEST_CASE("hosts edit: an edit that was stopped anywhere is completed") {
  std::string both = with(with("abc", kA), kB);
  check_each_stop("abc", with("abc", kA));
  check_each_stop(both, without(both, kA));
  check_each_stop(both + "10.9.9.9 mine\n", without(both, kA));
  check_each_stop(with("a\n", kA), with_block("a\n", kA, {}));
  check_each_stop(with_block("a\n", kA, {}), with("a\n", kA));
  check_each_stop("aaaaaaaa", "aaa");
  check_each_stop("abababab", "ababba");
}

TEST_CASE("hosts edit: what somebody else has written since is left alone") {
  TailEdit edit = edit_between("a\n", with("a\n", kA));
  CHECK_FALSE(rest_of(edit, ""));
  CHECK_FALSE(rest_of(edit, "a\nmine\n"));
  CHECK_FALSE(rest_of(edit, with("a\n", kA) + "mine\n"));
  CHECK_FALSE(rest_of(edit, with("a\n", kA).substr(0, 20) + "mine\n"));
}

TEST_CASE("hosts edit: a note holds an edit, or nothing") {
  TailEdit edit = edit_between(with("abc", kA), with("abc", kB));
  std::string note = to_note(edit);
  CHECK(from_note(note) == edit);
  for (std::size_t size = 0; size < note.size(); ++size) {
    CHECK_FALSE(from_note(note.substr(0, size)));
  }
  CHECK_FALSE(from_note(note + "x"));
  CHECK_FALSE(from_note("hosts 1 18446744073709551615 1\nx"));
}

// --- random edits by several runs and by somebody else ----------------------

class Everybody {
 public:
  explicit Everybody(unsigned seed) : random_(seed) {
    for (unsigned i = pick(5); i > 0; --i) theirs_ += line();
    if (pick(2) == 0 && !theirs_.empty()) theirs_.pop_back();
    text_ = theirs_;
  }

  void step() {
    std::string name = std::vector{kA, kB, kC}[pick(3)];
    switch (pick(4)) {
      case 0:
        text_ = with_block(without(text_, name), name, hosts());
        present_[name] = true;
        break;
      case 1:
        text_ = without(text_, name);
        present_.erase(name);
        break;
      case 2:
        append(line());
        break;
      case 3:
        prepend(line());
        break;
    }
    CHECK(text_.starts_with(theirs_before_blocks()));
  }

  void end() {
    for (const std::string& name : {kA, kB, kC}) text_ = without(text_, name);
    CHECK(text_ == theirs_);
  }

 private:
  unsigned pick(unsigned count) { return random_() % count; }

  std::string line() {
    static const std::vector<std::string> lines = {
        "\n",    "10.9.9.9 mine\n",      "# ginnel\n",
        " \t\n", "a # ginnel begins\n",  "# ginnel 1-2-3-0123abcd ends\n",
        "\r\n",  std::string("\0x\n", 3)};
    return lines[pick(lines.size())];
  }

  std::vector<Host> hosts() {
    std::vector<Host> some = two_hosts();
    some.resize(pick(3));
    return some;
  }

  void append(const std::string& line) {
    // The newline a block gave to a line that had none is needed from now on.
    bool unfinished = !theirs_.empty() && !theirs_.ends_with('\n');
    if (unfinished && !present_.empty()) theirs_ += '\n';
    theirs_ += line;
    text_ += line;
  }

  void prepend(const std::string& line) {
    theirs_ = line + theirs_;
    text_ = line + text_;
  }

  std::string_view theirs_before_blocks() const {
    std::size_t block = text_.find("# ginnel 12-345-678-0123abcd begins");
    for (const std::string& name : {kB, kC}) {
      block = std::min(block, text_.find(concat("# ginnel ", name, " begins")));
    }
    std::string_view before = std::string_view(text_).substr(0, block);
    if (!before.empty() && !theirs_.starts_with(before)) {
      before.remove_suffix(1);
    }
    CHECK(theirs_.starts_with(before));
    return before;
  }

  std::mt19937 random_;
  std::string theirs_;
  std::string text_;
  std::map<std::string, bool> present_;
};

TEST_CASE("hosts edit: whatever happens around blocks, the rest is the same") {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    Everybody everybody(seed);
    for (int step = 0; step < 20; ++step) everybody.step();
    everybody.end();
  }
}

TEST_CASE("hosts edit: any bytes at all are read, and nothing else is cut") {
  std::mt19937 random(1);
  std::string material = with(with("a\n", kA), kB);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (int piece = 0; piece < 6; ++piece) {
      std::size_t at = random() % material.size();
      text += material.substr(at, random() % 80);
      if (random() % 4 == 0) text += static_cast<char>(random());
    }
    std::string left = without(text, kA);
    CHECK(left.size() <= text.size() + 60);
    CHECK(without(left, kA) == left);
    (void)from_note(text).has_value();
  }
}

}  // namespace
}  // namespace ginnel::firewall
