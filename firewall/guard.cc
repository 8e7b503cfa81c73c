// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/guard.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/unix_socket.h"
#include "firewall/hosts_block.h"
#include "firewall/nft.h"

namespace ginnel::firewall {
namespace {

// A message is a byte of UndoKind and the name; with this byte alone it is
// "all has been undone".
constexpr std::byte kDismissed{0};
constexpr std::size_t kMaxMessage = 256;

// Where the guard keeps its end of the socket, after the standard streams.
constexpr int kGuardSocket = 3;

bool is_name_of(UndoKind kind, const std::string& name) {
  if (kind == UndoKind::kListener) return true;
  if (kind == UndoKind::kHostsBlock) return is_hosts_block(name);
  return is_our_table(name);
}

std::optional<Undo> parse(Message message) {
  ByteReader reader(message.bytes);
  auto kind = static_cast<UndoKind>(reader.u8());
  std::string name(as_text(reader.rest()));
  if (!is_name_of(kind, name)) return std::nullopt;
  return Undo{kind, std::move(name), std::move(message.passed)};
}

// Collects entries until the firewall says that all is well, or is gone.
void watch() {
  UndoList entries;
  for (;;) {
    Result<std::optional<Message>> message =
        receive_message(kGuardSocket, kMaxMessage, Passing::kAccept);
    if (!message || !*message) break;
    if ((*message)->bytes.front() == kDismissed) return;
    std::optional<Undo> entry = parse(std::move(**message));
    if (entry) entries.add(std::move(*entry));
  }
  Result<void> undone = entries.undo_all();
  log::warning("ginnel-firewall was killed; its guard has undone the rest");
  if (!undone) log::error("undo: ", undone.error().message());
}

[[noreturn]] void run_guard(int socket) {
  // A session of its own: what kills the firewall's group spares the guard.
  ::setsid();
  ::prctl(PR_SET_NAME, "ginnel-guard");
  ::dup3(socket, kGuardSocket, 0);
  ::closefrom(kGuardSocket + 1);
  watch();
  ::_exit(0);
}

}  // namespace

Result<Guard> Guard::start() {
  Result<std::pair<UniqueFd, UniqueFd>> ends = seqpacket_pair();
  if (!ends) return ends.error();
  pid_t process = ::fork();
  if (process < 0) return Error::from_errno(errno, "start the guard");
  if (process == 0) run_guard(ends->second.get());
  return Guard(std::move(ends->first), process);
}

Result<void> Guard::promise(const Undo& entry) {
  ByteWriter message;
  message.u8(static_cast<std::uint8_t>(entry.kind));
  message.text(entry.name);
  Result<void> sent =
      send_message(socket_.get(), message.view(), entry.held.get());
  if (!sent) return sent.error().in("tell the guard");
  return sent;
}

void Guard::dismiss() {
  // If the guard is gone already there is nobody to dismiss.
  (void)send_message(socket_.get(), Bytes(&kDismissed, 1)).has_value();
  socket_.reset();
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace ginnel::firewall
