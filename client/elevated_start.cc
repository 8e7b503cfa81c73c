// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/elevated_start.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/peer_credentials.h"
#include "base/strings.h"
#include "base/unix_socket.h"
#include "firewall/wire.h"

namespace ginnel {
namespace {

using Clock = std::chrono::steady_clock;

// Where start_child's program finds its socket.
constexpr int kChildSocket = 3;

// How often the wait for a connection looks whether sudo has given up. (There
// is no descriptor to wait on before pidfd_open, Linux 5.3.)
constexpr int kLookMilliseconds = 50;

// What execvp wants; the strings must outlive it.
std::vector<char*> argument_vector(std::vector<std::string>& arguments) {
  std::vector<char*> result;
  for (std::string& argument : arguments) result.push_back(argument.data());
  result.push_back(nullptr);
  return result;
}

// In a new child: the state that a program expects to start with.
void reset_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
}

[[noreturn]] void become_firewall(int socket, char* const* arguments) {
  reset_signals();
  if (socket == kChildSocket) {
    ::fcntl(socket, F_SETFD, 0);
  } else {
    ::dup2(socket, kChildSocket);
  }
  ::closefrom(kChildSocket + 1);
  ::execv(arguments[0], arguments);
  Error error =
      Error::from_errno(errno, concat("cannot run ", printable(arguments[0])));
  (void)send_message(kChildSocket,
                     firewall::encode(firewall::Answer(
                         firewall::answer::Failed{error.message()})))
      .has_value();
  ::_exit(127);
}

// A folder that only this user may enter, with a socket in it; gone, both,
// when this object is.
class MeetingPlace {
 public:
  static Result<MeetingPlace> make() {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    Result<MeetingPlace> place = make_in(runtime ? runtime : "");
    return place ? std::move(place) : make_in("/tmp");
  }
  MeetingPlace(MeetingPlace&& other) noexcept
      : folder_(std::exchange(other.folder_, {})),
        listener_(std::move(other.listener_)) {}
  MeetingPlace& operator=(MeetingPlace&&) = delete;
  ~MeetingPlace() {
    if (folder_.empty()) return;
    ::unlink(path().c_str());
    ::rmdir(folder_.c_str());
  }

  std::string path() const { return folder_ + "/firewall"; }
  int listener() const { return listener_.get(); }

 private:
  MeetingPlace() = default;

  static Result<MeetingPlace> make_in(const std::string& parent) {
    if (!parent.starts_with('/')) return Error("no absolute folder");
    std::string name = parent + "/ginnel-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      return Error::from_errno(errno, "make a folder in " + printable(parent));
    }
    MeetingPlace place;
    place.folder_ = std::move(name);
    Result<UniqueFd> listener = listen_seqpacket(place.path());
    if (!listener) return listener.error();
    place.listener_ = std::move(*listener);
    return place;
  }

  std::string folder_;
  UniqueFd listener_;
};

bool is_installed(const std::string& program) {
  const char* variable = std::getenv("PATH");
  std::string_view path = variable ? variable : "/usr/bin:/bin";
  while (!path.empty()) {
    std::size_t colon = std::min(path.find(':'), path.size());
    std::string file = concat(path.substr(0, colon), "/", program);
    if (colon > 0 && ::access(file.c_str(), X_OK) == 0) return true;
    path.remove_prefix(std::min(colon + 1, path.size()));
  }
  return false;
}

Result<std::vector<std::string>> elevating_command(std::string elevator) {
  for (const char* known : {"sudo", "doas", "pkexec"}) {
    if (elevator.empty() && is_installed(known)) elevator = known;
  }
  if (elevator.empty()) {
    return Error(
        "none of sudo, doas and pkexec is installed; start ginnel as root");
  }
  if (elevator != "sudo") return std::vector{elevator};
  return std::vector<std::string>{elevator, "-p",
                                  "[local sudo] Password: ", "--"};
}

Result<pid_t> spawn(std::vector<std::string> command) {
  std::vector<char*> arguments = argument_vector(command);
  pid_t process = ::fork();
  if (process < 0) return Error::from_errno(errno, "fork");
  if (process > 0) return process;
  reset_signals();
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

// Why the elevator's end is not a success; nothing if it is.
std::optional<Error> complaint(int status, const std::string& elevator) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return Error(concat("cannot run ", elevator));
  }
  return Error(concat(elevator,
                      " did not start ginnel-firewall; see what it says above, "
                      "or start ginnel as root"));
}

// Accepts, if somebody is there. Strangers cannot enter the folder, except
// root, and root is who is awaited; the check is for the caller's own mistakes.
Result<UniqueFd> accept_root(int listener) {
  UniqueFd socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return Error::from_errno(errno, "accept ginnel-firewall");
  Result<PeerCredentials> peer = peer_credentials(socket.get());
  if (!peer) return peer.error();
  if (peer->uid != 0) {
    return Error(concat("user ", peer->uid,
                        " connected instead of root; is a wrong program named "
                        "in GINNEL_FIREWALL?"));
  }
  return socket;
}

// The elevator's process, which is not left running after this object.
class ElevatorProcess {
 public:
  explicit ElevatorProcess(pid_t process) : process_(process) {}
  ElevatorProcess(const ElevatorProcess&) = delete;
  ElevatorProcess& operator=(const ElevatorProcess&) = delete;
  ~ElevatorProcess() {
    if (process_ < 0) return;
    // A process of root's that its caller may not end goes by itself, when
    // nobody types a password.
    if (::kill(process_, SIGTERM) == 0) ::waitpid(process_, nullptr, 0);
  }

  // Its exit status, once it has ended.
  std::optional<int> status() {
    int status = 0;
    if (process_ < 0 || ::waitpid(process_, &status, WNOHANG) != process_) {
      return std::nullopt;
    }
    process_ = -1;
    return status;
  }

 private:
  pid_t process_;
};

Result<UniqueFd> await_root(int listener, ElevatorProcess& elevator,
                            const std::string& name, Clock::time_point end) {
  while (Clock::now() < end) {
    pollfd wait{listener, POLLIN, 0};
    int ready = ::poll(&wait, 1, kLookMilliseconds);
    if (ready > 0) return accept_root(listener);
    if (ready < 0) return Error::from_errno(errno, "wait for " + name);
    std::optional<int> status = elevator.status();
    if (!status) continue;
    if (std::optional<Error> failed = complaint(*status, name)) return *failed;
    // A good end comes after the connection.
    if (::poll(&wait, 1, 0) > 0) return accept_root(listener);
    return Error(name + " ended, but ginnel-firewall has not connected");
  }
  return Error(concat(name, " took too long to start ginnel-firewall"));
}

// sudo ends as soon as the firewall has connected; the terminal is ours again
// only after that.
Result<void> await_end(ElevatorProcess& elevator, const std::string& name,
                       Clock::time_point end) {
  while (Clock::now() < end) {
    if (elevator.status()) return {};
    if (::poll(nullptr, 0, 1) < 0) {
      return Error::from_errno(errno, "wait for " + name);
    }
  }
  return Error(concat(name, " did not give the terminal back"));
}

}  // namespace

Result<StartedProcess> start_child(const std::string& program,
                                   const std::vector<std::string>& arguments) {
  Result<std::pair<UniqueFd, UniqueFd>> ends = seqpacket_pair();
  if (!ends) return ends.error();
  std::vector<std::string> command = {program};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.insert(command.end(), {"--fd", std::to_string(kChildSocket)});
  std::vector<char*> vector = argument_vector(command);
  pid_t process = ::fork();
  if (process < 0) return Error::from_errno(errno, "fork");
  if (process == 0) become_firewall(ends->second.get(), vector.data());
  return StartedProcess{std::move(ends->first), process};
}

Result<StartedProcess> start_elevated(const std::string& elevator,
                                      const std::string& program,
                                      const std::vector<std::string>& arguments,
                                      std::chrono::milliseconds patience) {
  Clock::time_point end = Clock::now() + patience;
  Result<std::vector<std::string>> command = elevating_command(elevator);
  if (!command) return command.error();
  std::string name = command->front();
  Result<MeetingPlace> place = MeetingPlace::make();
  if (!place) return place.error();
  command->push_back(program);
  command->insert(command->end(), arguments.begin(), arguments.end());
  command->insert(command->end(), {"--connect", place->path()});

  Result<pid_t> process = spawn(std::move(*command));
  if (!process) return process.error();
  ElevatorProcess running(*process);
  Result<UniqueFd> socket = await_root(place->listener(), running, name, end);
  if (!socket) return socket.error();
  Result<void> ended = await_end(running, name, end);
  if (!ended) return ended.error();
  return StartedProcess{std::move(*socket), -1};
}

}  // namespace ginnel
