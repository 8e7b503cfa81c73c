// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/agent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/strings.h"

namespace ginnel::transport {
namespace {

constexpr std::uint8_t kFailure = 5;
constexpr std::uint8_t kRequestIdentities = 11;
constexpr std::uint8_t kIdentitiesAnswer = 12;
constexpr std::uint8_t kSignRequest = 13;
constexpr std::size_t kMaxMessage = 256 << 10;  // OpenSSH's own limit
constexpr std::uint32_t kMaxKeys = 1024;
constexpr int kAnswerSeconds = 10;
constexpr int kSignSeconds = 30;

using Message = std::vector<std::byte>;

void set_receive_limit(int fd, int seconds) {
  timeval limit{};
  limit.tv_sec = seconds;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

bool send_all(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

bool receive_all(int fd, MutableBytes into) {
  while (!into.empty()) {
    ssize_t got = recv(fd, into.data(), into.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool send_message(int fd, Bytes message) {
  ByteWriter framed;
  framed.u32(static_cast<std::uint32_t>(message.size()));
  framed.bytes(message);
  return send_all(fd, framed.view());
}

std::optional<Message> receive_message(int fd) {
  std::byte length[4];
  if (!receive_all(fd, length)) return std::nullopt;
  std::uint32_t size = load_be<std::uint32_t>(length);
  if (size == 0 || size > kMaxMessage) return std::nullopt;
  Message message(size);
  if (!receive_all(fd, message)) return std::nullopt;
  return message;
}

std::optional<Message> ask(int fd, Bytes request) {
  if (!send_message(fd, request)) return std::nullopt;
  return receive_message(fd);
}

// The gate's thread: libssh at `near`, the agent at `agent`.
void serve(UniqueFd near, UniqueFd agent, Message identities) {
  const Message failure{std::byte{kFailure}};
  set_receive_limit(agent.get(), kSignSeconds);
  while (auto request = receive_message(near.get())) {
    auto type = std::to_integer<std::uint8_t>(request->front());
    std::optional<Message> answer = failure;
    if (type == kRequestIdentities) answer = identities;
    if (type == kSignRequest) answer = ask(agent.get(), *request);
    // An agent that failed to answer in time may answer the next question
    // with it: no more questions.
    if (!send_message(near.get(), answer.value_or(failure)) || !answer) return;
  }
}

}  // namespace

std::string agent_socket_path(const SshConfig& config) {
  std::string path = config.value("identityagent");
  if (path == "none") return {};
  if (path.empty() || path == "SSH_AUTH_SOCK") path = "$SSH_AUTH_SOCK";
  if (path.starts_with('$') && !path.starts_with("${")) {
    const char* value = std::getenv(path.c_str() + 1);
    return value ? value : "";
  }
  return config.expand(path);
}

Result<UniqueFd> connect_agent(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error(concat("the agent's socket has too long a name: ", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "socket");
  set_receive_limit(fd.get(), kAnswerSeconds);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
              sizeof address) != 0) {
    return Error::from_errno(errno, concat("ssh-agent at ", path));
  }
  return fd;
}

Result<std::vector<AgentKey>> list_agent_keys(int agent) {
  const Message request{std::byte{kRequestIdentities}};
  auto answer = ask(agent, request);
  if (!answer) return Error("the ssh-agent does not answer");
  return parse_identities(*answer);
}

Result<std::vector<AgentKey>> parse_identities(Bytes answer) {
  ByteReader reader(answer);
  if (reader.u8() != kIdentitiesAnswer) {
    return Error("the ssh-agent does not list its keys");
  }
  std::uint32_t count = reader.u32();
  if (count > kMaxKeys) return Error("the ssh-agent has too many keys");
  std::vector<AgentKey> keys;
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    Bytes blob = reader.bytes(reader.u32());
    AgentKey key;
    key.blob.assign(blob.begin(), blob.end());
    key.comment = reader.text(reader.u32());
    keys.push_back(std::move(key));
  }
  if (!reader.ok()) return Error("the ssh-agent's list of keys is cut short");
  return keys;
}

std::vector<std::byte> identities_answer(const std::vector<AgentKey>& keys) {
  ByteWriter answer;
  answer.u8(kIdentitiesAnswer);
  answer.u32(static_cast<std::uint32_t>(keys.size()));
  for (const AgentKey& key : keys) {
    answer.u32(static_cast<std::uint32_t>(key.blob.size()));
    answer.bytes(key.blob);
    answer.u32(static_cast<std::uint32_t>(key.comment.size()));
    answer.text(key.comment);
  }
  return answer.take();
}

Result<AgentGate> AgentGate::open(UniqueFd agent, std::vector<AgentKey> keys) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return Error::from_errno(errno, "socketpair");
  }
  UniqueFd near(ends[0]), far(ends[1]);
  // Signals are the main thread's business.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread worker(serve, std::move(far), std::move(agent),
                     identities_answer(keys));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return AgentGate(std::move(near), std::move(worker));
}

AgentGate::~AgentGate() {
  if (!worker_.joinable()) return;
  shutdown(near_.get(), SHUT_RDWR);
  worker_.join();
}

Result<UniqueFd> AgentGate::socket_for_libssh() const {
  UniqueFd copy(fcntl(near_.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy) return Error::from_errno(errno, "dup");
  return copy;
}

}  // namespace ginnel::transport
