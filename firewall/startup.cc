// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/startup.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <utility>

#include "base/capabilities.h"
#include "base/invoking_user.h"
#include "base/log.h"
#include "base/peer_credentials.h"
#include "base/strings.h"
#include "base/unix_socket.h"

namespace ginnel::firewall {
namespace {

// Exit status for what went wrong at the start; sshuttle's.
constexpr int kFatal = 99;

// How long a connection over a local socket may take.
constexpr int kConnectMilliseconds = 10'000;

// Where the client's socket is kept, after the standard streams.
constexpr int kClientSocket = 3;

// Connects with `uid`'s rights to files, not root's: the path is the caller's
// choice. Other ids stay root's, because the peer looks at them.
Result<UniqueFd> connect_as(uid_t uid, const std::string& path) {
  ::setfsuid(uid);
  if (static_cast<uid_t>(::setfsuid(uid)) != uid) {
    return Error(concat("cannot open files as user ", uid));
  }
  Result<UniqueFd> client = connect_seqpacket(path);
  ::setfsuid(0);
  return client;
}

// Nothing is sent, and nothing read, until the peer is known to be the caller.
Result<UniqueFd> connect_to_caller(const std::string& path) {
  Result<std::optional<uid_t>> invoking = invoking_uid();
  if (!invoking) return invoking.error();
  uid_t caller = invoking->value_or(::getuid());
  Result<UniqueFd> client = connect_as(caller, path);
  if (!client) return client;
  Result<PeerCredentials> peer = peer_credentials(client->get());
  if (!peer) return peer.error();
  if (peer->uid != caller) {
    return Error(concat("user ", peer->uid, " listens at ", printable(path),
                        ", but user ", caller, " started ginnel-firewall"));
  }
  return client;
}

// What the parent does: waits for the child to say that it is connected. A
// child that failed has said why on the terminal they share.
[[noreturn]] void await_child(pid_t child, int ready) {
  pollfd wait{ready, POLLIN, 0};
  char byte;
  if (::poll(&wait, 1, kConnectMilliseconds) == 1 &&
      ::read(ready, &byte, 1) == 1) {
    ::_exit(0);
  }
  ::kill(child, SIGKILL);
  ::_exit(kFatal);
}

[[noreturn]] void give_up(const Error& error) {
  log::error("ginnel-firewall: ", error.message());
  ::_exit(kFatal);
}

// "Feb  3 04:05:06 ", in local time, as syslog(3) writes it.
std::string syslog_time() {
  std::time_t now = std::time(nullptr);
  std::tm parts{};
  char text[32];
  if (::localtime_r(&now, &parts) == nullptr) return "";
  return {text, std::strftime(text, sizeof text, "%b %e %T ", &parts)};
}

// What syslog(3) does, except that it waits while /dev/log is full, which is
// for ever when the system's logger hangs. Here such a line is lost instead:
// nothing may keep this process from undoing what it did.
void to_syslog(log::Level level, std::string_view line) {
  static constexpr std::array kPriority = {LOG_ERR, LOG_WARNING, LOG_INFO,
                                           LOG_DEBUG, LOG_DEBUG};
  static constexpr sockaddr_un kLogger = {AF_UNIX, "/dev/log"};
  int priority = LOG_DAEMON | kPriority[static_cast<std::size_t>(level)];
  std::string message = concat("<", priority, ">", syslog_time(),
                               "ginnel-firewall[", ::getpid(), "]: ", line);
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  (void)::sendto(socket.get(), message.data(), message.size(),
                 MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&kLogger), sizeof kLogger);
}

void ignore_signals() {
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGALRM,
                     SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ}) {
    ::signal(signal, SIG_IGN);
  }
  // The starter may have left this ignored, and the guard is waited for.
  ::signal(SIGCHLD, SIG_DFL);
}

}  // namespace

void fill_standard_streams() {
  int fd;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

Result<UniqueFd> inherited_socket(int fd) {
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
      ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) {
    return Error::from_errno(errno, concat("--fd ", fd));
  }
  if (domain != AF_UNIX || type != SOCK_SEQPACKET) {
    return Error(concat("--fd ", fd, " is not a SOCK_SEQPACKET Unix socket"));
  }
  return UniqueFd(fd);
}

UniqueFd connect_back(const std::string& path) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) {
    give_up(Error::from_errno(errno, "make a pipe"));
  }
  UniqueFd ready(ends[0]);
  UniqueFd report(ends[1]);
  pid_t child = ::fork();
  if (child < 0) give_up(Error::from_errno(errno, "fork"));
  if (child > 0) {
    report.reset();
    await_child(child, ready.get());
  }
  // Only now: the leader of a process group, as sudo makes us, cannot.
  ::setsid();
  Result<UniqueFd> client = connect_to_caller(path);
  if (!client) give_up(client.error());
  if (::write(report.get(), "", 1) != 1) {
    give_up(Error::from_errno(errno, "tell the parent"));
  }
  return std::move(*client);
}

Result<void> detach(UniqueFd& client) {
  ignore_signals();
  ::setsid();
  ::umask(077);
  ::clearenv();
  if (::chdir("/") < 0) return Error::from_errno(errno, "go to /");
  if (client.get() != kClientSocket) {
    client.reset(::dup3(client.get(), kClientSocket, O_CLOEXEC));
  }
  ::closefrom(kClientSocket + 1);
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) ::close(fd);
  fill_standard_streams();
  log::set_sink(to_syslog);
  return keep_capabilities(CapabilitySet{1} << CAP_NET_ADMIN);
}

}  // namespace ginnel::firewall
