// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/askpass.h"

#include <doctest/doctest.h>

using namespace ginnel::transport;

TEST_CASE("only the server's own question gets its password") {
  constexpr std::string_view kLogins = "me@box\nme@alias\n";
  CHECK(asks_password_of("me@box's password: ", kLogins));
  CHECK(asks_password_of("(me@box) Password: ", kLogins));
  CHECK(asks_password_of("(me@alias) Password for x: ", kLogins));

  CHECK_FALSE(asks_password_of("you@jump's password: ", kLogins));
  CHECK_FALSE(asks_password_of("(you@jump) me@box's password: ", kLogins));
  CHECK_FALSE(asks_password_of("some@me@box's password: ", kLogins));
  CHECK_FALSE(asks_password_of("me@boxes's password: ", kLogins));
  CHECK_FALSE(asks_password_of("(me@box) Verification code: ", kLogins));
  CHECK_FALSE(asks_password_of("Are you sure you want to continue (yes/no)? ",
                               kLogins));
  CHECK_FALSE(asks_password_of("Password: ", kLogins));
  CHECK_FALSE(asks_password_of("'s password: ", "\n\n"));
}

TEST_CASE("ssh's environment names the server as ssh will") {
  SshConfig config;
  config.set("hostname", "Box.Example");
  config.set("user", "me");
  SshOptions options;
  options.host = "box";
  CHECK(askpass_environment(config, options, "/bin/it").empty());

  options.password = "secret";
  auto words = askpass_environment(config, options, "/bin/it");
  REQUIRE(words.size() == 4);
  CHECK(words[0] == "SSH_ASKPASS=/bin/it");
  CHECK(words[1] == "SSH_ASKPASS_REQUIRE=force");
  CHECK(words[2] == "GINNEL_ASKPASS_PASSWORD=secret");
  CHECK(words[3].find("me@box.example\n") != std::string::npos);
  CHECK(words[3].find("me@box\n") != std::string::npos);
}
