// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "client/transport/ssh_config.h"

namespace ginnel::transport {

// How `ssh` gets the password of user:password@host: this program is its
// SSH_ASKPASS (with SSH_ASKPASS_REQUIRE=force, OpenSSH 8.4; an older ssh asks
// on the terminal), and the password stands in ssh's environment, which only
// the same user and root can read. Other servers on the way (ProxyJump) ask
// through the same SSH_ASKPASS: the password answers only a prompt that begins
// with the server's own USER@HOST, as ssh writes it. Every other question is
// asked on the terminal.

// Whether the environment says that ssh runs us to answer one: its variable
// GINNEL_ASKPASS_PASSWORD is set. main() looks at --pass-fd first, since a
// ProxyCommand inherits the same environment.
bool is_askpass();

// Answers the prompt in argv[1] on stdout; main() calls it when is_askpass().
// Returns the exit status: 1 when there is no answer.
int askpass_main(int argc, char** argv);

// "NAME=VALUE" for ssh's environment. `program` is this program's file.
std::vector<std::string> askpass_environment(const SshConfig& config,
                                             const SshOptions& options,
                                             const std::string& program);

// Whether ssh's `prompt` asks for the password of one of `logins`
// ("user@host", one a line).
bool asks_password_of(std::string_view prompt, std::string_view logins);

}  // namespace ginnel::transport
