// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/attach_main.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/log.h"
#include "base/strings.h"
#include "helper/attach_socket.h"
#include "mux/attach.h"

namespace ginnel {
namespace {

int complain(std::string_view what) {
  log::error("ginnel-helper cannot attach: ", what);
  return 1;
}

// What the helper says before it closes the socket, which it does when the link
// is over: nothing, or why it does not want it.
std::string last_words(int socket) {
  std::array<char, kMaxRefusal> text;
  ssize_t size;
  do {
    size = ::recv(socket, text.data(), text.size(), 0);
    // One that closed without having read our message: told once, before what
    // it said.
  } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
  return std::string(text.data(),
                     size < 0 ? 0 : static_cast<std::size_t>(size));
}

}  // namespace

int attach_main(std::string_view name) {
  if (!mux::is_attach_name(name)) return complain("no such name");
  Result<UniqueFd> socket = connect_for_streams(name);
  if (!socket) return complain(socket.error().message());
  Result<void> sent = send_streams(socket->get(), STDIN_FILENO, STDOUT_FILENO);
  // The link is the helper's alone: when it closes it, it is closed.
  ::close(STDIN_FILENO);
  ::close(STDOUT_FILENO);
  std::string why = last_words(socket->get());
  if (!why.empty()) return complain(printable(why));
  return sent ? 0 : complain(sent.error().message());
}

}  // namespace ginnel
