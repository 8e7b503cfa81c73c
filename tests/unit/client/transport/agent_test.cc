// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/agent.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "client/transport/line_splitter.h"
#include "client/transport/shell_quote.h"

using namespace ginnel;
using namespace ginnel::transport;

namespace {

AgentKey key(std::string_view blob, std::string comment) {
  AgentKey made;
  Bytes bytes = as_bytes(blob);
  made.blob.assign(bytes.begin(), bytes.end());
  made.comment = std::move(comment);
  return made;
}

}  // namespace

TEST_CASE("agent: a list of keys is read back as it was written") {
  auto keys = parse_identities(
      identities_answer({key("blob one", "me@here"), key("2", "")}));
  REQUIRE(keys);
  REQUIRE(keys->size() == 2);
  CHECK(as_text((*keys)[0].blob) == "blob one");
  CHECK((*keys)[0].comment == "me@here");
  CHECK((*keys)[1].comment.empty());
}

TEST_CASE("agent: a list that is cut anywhere is an error") {
  auto whole = identities_answer({key("blob one", "me@here"), key("2", "x")});
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    CAPTURE(cut);
    CHECK(!parse_identities(Bytes(whole).first(cut)));
  }
}

TEST_CASE("agent: a count beyond reason is refused before it is believed") {
  ByteWriter answer;
  answer.u8(12);
  answer.u32(0xffffffff);
  CHECK(!parse_identities(answer.view()));
}

TEST_CASE("agent: IdentityAgent comes before SSH_AUTH_SOCK") {
  SshConfig config;
  setenv("SSH_AUTH_SOCK", "/run/agent", 1);
  CHECK(agent_socket_path(config) == "/run/agent");
  config.set("identityagent", "SSH_AUTH_SOCK");
  CHECK(agent_socket_path(config) == "/run/agent");
  config.set("identityagent", "none");
  CHECK(agent_socket_path(config).empty());
  config.set("identityagent", "/other");
  CHECK(agent_socket_path(config) == "/other");
  setenv("GINNEL_TEST_AGENT", "/third", 1);
  config.set("identityagent", "$GINNEL_TEST_AGENT");
  CHECK(agent_socket_path(config) == "/third");
  unsetenv("SSH_AUTH_SOCK");
  CHECK(agent_socket_path(SshConfig()).empty());
}

TEST_CASE("line splitter: pieces become lines, of bounded length") {
  LineSplitter lines;
  for (const char* piece : {"on", "e\r\ntwo\n", "\nthr"}) lines.add(piece);
  for (const char* wanted : {"one", "two", ""}) {
    REQUIRE(lines.has_line());
    CHECK(lines.take_line() == wanted);
  }
  CHECK(!lines.has_line());
  CHECK(lines.has_part());
  lines.add(std::string(LineSplitter::kMaxLine, 'x'));
  REQUIRE(lines.has_line());
  CHECK(lines.take_line().size() == LineSplitter::kMaxLine);
}

TEST_CASE("shell quote: a quote is protected") {
  CHECK(shell_quoted("a b") == "'a b'");
  CHECK(shell_quoted("it's $x") == "'it'\\''s $x'");
}
