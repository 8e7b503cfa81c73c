// SPDX-License-Identifier: GPL-3.0-or-later
#include "names/dns_name.h"

#include <doctest/doctest.h>

namespace ginnel::dns {
namespace {

std::string text_at(std::string_view message, std::size_t offset = 0) {
  auto name = read_name(as_bytes(message), offset);
  return name ? name->text : "(none)";
}

std::string written(std::string_view text) {
  ByteWriter writer;
  if (!write_name(writer, text)) {
    return writer.size() == 0 ? "(none)" : "(half)";
  }
  return std::string(as_text(writer.view()));
}

using namespace std::string_view_literals;

TEST_CASE("dns_name: labels become a text in lower case") {
  CHECK(text_at("\3www\7Example\0"sv) == "www.example");
  CHECK(text_at("\0"sv) == "");
  CHECK(text_at("\5a.b\\c\2\0\xff\0"sv) == "a\\.b\\\\c.\\000\\255");
  CHECK(text_at("\3\xc4\x41 \0"sv) == "\\196a\\032");
}

// Behind a header of zeros.
std::string message(std::string_view names) {
  return std::string(12, '\0') + std::string(names);
}

TEST_CASE("dns_name: a pointer leads back, and the name ends behind it") {
  std::string two = message("\1b\0\1a\xc0\x0c\1z"sv);
  CHECK(text_at(two, 15) == "a.b");
  CHECK(read_name(as_bytes(two), 15)->end == 19);
  CHECK(end_of_name(as_bytes(two), 15) == 19);
  CHECK(text_at(message("\1c\0\1b\xc0\x0c\1a\xc0\x0f"sv), 19) == "a.b.c");
}

TEST_CASE("dns_name: what never ends or leaves the message is no name") {
  auto broken = [](std::string_view name, std::size_t offset = 0) {
    return text_at(message(name), 12 + offset) == "(none)";
  };
  CHECK(broken("\xc0\x0c"sv));                          // itself
  CHECK(broken("\1a\xc0\x0c"sv));                       // its own beginning
  CHECK(broken("\xc0\x0e\xc0\x0c"sv));                  // forwards
  CHECK(broken("\xc0\x0e\xc0\x0c"sv, 2));               // through a loop
  CHECK(broken("\xc0\x0e\0"sv));                        // forwards, to a name
  CHECK(broken("\x41" + std::string(65, 'a') + '\0'));  // a label too long
  CHECK(broken("\xc0\x0b"sv));                          // into the header
  CHECK(broken("\1a\xc0"sv));                           // half a pointer
  CHECK(broken("\xff\xff"sv));                          // behind the end
  CHECK(broken("\3ab"sv));                              // a short label
  CHECK(broken("\1a"sv));                               // no root
  CHECK(broken("\x81\x61\0"sv));  // an unknown type of label
  CHECK(broken(""sv));
  CHECK(broken("\0"sv, 1));
}

TEST_CASE("dns_name: at most 255 bytes, however they are put together") {
  std::string label = '\x3f' + std::string(63, 'x');
  std::string longest = label + label + label + '\x3d' + std::string(61, 'x');
  CHECK(text_at(longest + '\0').size() == 253);
  CHECK(text_at("\1x" + longest + '\0') == "(none)");
  // A label in front of the last name, again and again: 127 fit.
  std::string names = message("\0"sv);
  std::size_t previous = 12;
  for (int i = 0; i < 130; ++i) {
    std::size_t here = names.size();
    names += "\1x";
    names += static_cast<char>(0xc0 | previous >> 8);
    names += static_cast<char>(previous);
    CAPTURE(i);
    CHECK((text_at(names, here) != "(none)") == (i < 127));
    previous = here;
  }
}

TEST_CASE("dns_name: many pointers are followed only so far") {
  std::string names = message("\0"sv);
  for (int i = 0; i < 1000; ++i) {
    std::size_t to = i == 0 ? 12 : names.size() - 2;
    names += static_cast<char>(0xc0 | (to >> 8));
    names += static_cast<char>(to);
  }
  CHECK(text_at(names, 13 + 2 * 10).empty());
  CHECK(text_at(names, names.size() - 2) == "(none)");
}

TEST_CASE("dns_name: a text becomes labels, or nothing at all") {
  CHECK(written("www.Example") == "\3www\7Example\0"sv);
  CHECK(written("www.example.") == "\3www\7example\0"sv);
  CHECK(written("") == "\0"sv);
  CHECK(written(".") == "\0"sv);
  CHECK(written("a\\.b\\\\c.\\000\\255") == "\5a.b\\c\2\0\xff\0"sv);
  for (auto bad : {"a..b", ".a", "a\\", "a\\25", "a\\2x5", "a\\256"}) {
    CAPTURE(bad);
    CHECK(written(bad) == "(none)");
  }
  std::string label(63, 'x');
  CHECK(written(label + 'x') == "(none)");
  std::string three = label + '.' + label + '.' + label + '.';
  CHECK(written(three + label.substr(2)).size() == 255);
  CHECK(written(three + label.substr(1)) == "(none)");
}

TEST_CASE("dns_name: below a domain, label by label") {
  CHECK(is_below("a.corp", "corp"));
  CHECK(is_below("a.b.corp", "b.corp"));
  CHECK_FALSE(is_below("corp", "corp"));
  CHECK_FALSE(is_below("macorp", "corp"));
  CHECK_FALSE(is_below("a.corp.example", "corp"));
}

TEST_CASE("dns_name: an address's reverse name and back") {
  auto v4 = *IpAddress::parse("192.0.2.10");
  auto v6 = *IpAddress::parse("2001:db8::a1");
  CHECK(reverse_name(v4) == "10.2.0.192.in-addr.arpa");
  CHECK(reverse_name(v6) ==
        "1.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
        ".ip6.arpa");
  CHECK(reverse_address(reverse_name(v4)) == v4);
  CHECK(reverse_address(reverse_name(v6)) == v6);
  for (auto bad : {"2.0.192.in-addr.arpa", "1.10.2.0.192.in-addr.arpa",
                   "256.2.0.192.in-addr.arpa", "01.2.0.192.in-addr.arpa",
                   "x.2.0.192.in-addr.arpa", ".2.0.192.in-addr.arpa",
                   "in-addr.arpa", "4294967296.2.0.192.in-addr.arpa",
                   "1.2.3.4.in-addr.example", "1.0.ip6.arpa", ""}) {
    CAPTURE(bad);
    CHECK_FALSE(reverse_address(bad));
  }
  auto wrong = reverse_name(v6);
  wrong[0] = 'g';
  CHECK_FALSE(reverse_address(wrong));
}

}  // namespace
}  // namespace ginnel::dns
