// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/firewall_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "base/unix_socket.h"
#include "client/elevated_start.h"

namespace ginnel {
namespace {

using Clock = std::chrono::steady_clock;
using firewall::Answer;
using firewall::Request;
namespace answer = firewall::answer;
namespace request = firewall::request;

// For one answer. Installing 65 536 networks takes about a second.
constexpr std::chrono::seconds kAnswerLimit(30);

// An answer is shorter than a request.
constexpr std::size_t kMaxAnswer = 4096;

// Waits until `fd` can be read, whatever signals come; false after `end`.
bool wait_readable(int fd, Clock::time_point end) {
  for (;;) {
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    pollfd wait{fd, POLLIN, 0};
    int timeout = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    int ready = ::poll(&wait, 1, timeout);
    if (ready > 0) return true;
    if (ready == 0 && left.count() <= 0) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

std::vector<std::string> flags_of(const FirewallProxy::Start& start) {
  if (start.owner_flag) return {};
  return {"--no-owner-flag"};
}

Result<std::string> program_of(const FirewallProxy::Start& start) {
  if (start.program.empty()) return FirewallProxy::find_program();
  return start.program;
}

// The folder of the running program.
std::string own_folder() {
  char path[4096];
  ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  std::string_view text(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(text.substr(0, text.rfind('/')));
}

}  // namespace

struct FirewallProxy::Reply {
  Answer answer;
  UniqueFd passed;
};

FirewallProxy::FirewallProxy(UniqueFd socket, pid_t child)
    : socket_(std::move(socket)), child_(child) {}

FirewallProxy::FirewallProxy(FirewallProxy&& other) noexcept
    : socket_(std::move(other.socket_)),
      child_(std::exchange(other.child_, -1)) {}

FirewallProxy& FirewallProxy::operator=(FirewallProxy&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(child_, other.child_);
  return *this;
}

FirewallProxy::~FirewallProxy() {
  socket_.reset();
  if (child_ > 0) ::waitpid(child_, nullptr, WNOHANG);
}

Result<std::string> FirewallProxy::find_program() {
  const char* named = std::getenv("GINNEL_FIREWALL");
  if (named != nullptr && ::getuid() != 0 && ::geteuid() == ::getuid()) {
    return std::string(named);
  }
  std::string folder = own_folder();
  for (const char* place :
       {"/ginnel-firewall", "/../libexec/ginnel/ginnel-firewall",
        "/../firewall/ginnel-firewall"}) {
    std::string path = folder + place;
    if (::access(path.c_str(), X_OK) != 0) continue;
    // Without "..", as rules in sudoers name programs.
    std::unique_ptr<char, decltype(&std::free)> real(
        ::realpath(path.c_str(), nullptr), std::free);
    return real ? std::string(real.get()) : path;
  }
  return Error(concat("ginnel-firewall is neither in ", printable(folder),
                      " nor in ../libexec/ginnel; install it with ginnel"));
}

Result<FirewallProxy> FirewallProxy::start_as_root(const Start& start) {
  Result<std::string> program = program_of(start);
  if (!program) return program.error();
  Result<StartedProcess> started = start_child(*program, flags_of(start));
  if (!started) return started.error();
  FirewallProxy proxy(std::move(started->socket), started->process);
  Result<void> greeted = proxy.greet();
  if (!greeted) return greeted.error();
  return proxy;
}

Result<FirewallProxy> FirewallProxy::start_by_sudo(const Start& start) {
  Result<std::string> program = program_of(start);
  if (!program) return program.error();
  Result<StartedProcess> started =
      start_elevated(start.elevator, *program, flags_of(start), start.patience);
  if (!started) return started.error();
  FirewallProxy proxy(std::move(started->socket), started->process);
  Result<void> greeted = proxy.greet();
  if (!greeted) return greeted.error();
  return proxy;
}

Result<void> FirewallProxy::greet() { return call_done(request::Hello{}); }

// A failure of the conversation closes the socket, so that no later answer is
// taken for this one's.
Result<FirewallProxy::Reply> FirewallProxy::call(const Request& request) {
  if (!socket_) return Error("ginnel-firewall has ended");
  Result<Reply> reply = exchange(firewall::encode(request));
  if (!reply) {
    socket_.reset();
    return reply;
  }
  if (const auto* failed = std::get_if<answer::Failed>(&reply->answer)) {
    return Error("firewall: " + printable(failed->sentence, 400));
  }
  return reply;
}

Result<FirewallProxy::Reply> FirewallProxy::exchange(Bytes request) {
  // A send that fails is explained by what the firewall said before it ended.
  Result<void> sent = send_message(socket_.get(), request);
  if (!wait_readable(socket_.get(), Clock::now() + kAnswerLimit)) {
    return Error("ginnel-firewall does not answer");
  }
  Result<std::optional<Message>> message =
      receive_message(socket_.get(), kMaxAnswer, Passing::kAccept);
  if (!message) return message.error().in("ginnel-firewall");
  if (!*message) return Error("ginnel-firewall ended unexpectedly");
  Result<Answer> decoded = firewall::decode_answer((*message)->bytes);
  if (!decoded) return decoded.error().in("ginnel-firewall");
  return Reply{std::move(*decoded), std::move((*message)->passed)};
}

Result<void> FirewallProxy::call_done(const Request& request) {
  Result<Reply> reply = call(request);
  if (!reply) return reply.error();
  if (!std::holds_alternative<answer::Done>(reply->answer)) {
    return out_of_turn();
  }
  return {};
}

Error FirewallProxy::out_of_turn() {
  socket_.reset();
  return Error("ginnel-firewall gave an answer to another request");
}

Result<UniqueFd> FirewallProxy::marked_socket(Family family,
                                              firewall::SocketKind kind) {
  Result<Reply> reply = call(request::MarkedSocket{family, kind});
  if (!reply) return reply.error();
  if (!std::holds_alternative<answer::Done>(reply->answer) || !reply->passed) {
    return out_of_turn();
  }
  return std::move(reply->passed);
}

Result<FirewallProxy::Listener> FirewallProxy::listen(
    const Endpoint& endpoint, firewall::Purpose purpose) {
  Result<Reply> reply = call(request::Listen{purpose, endpoint});
  if (!reply) return reply.error();
  const auto* listening = std::get_if<answer::Listening>(&reply->answer);
  if (listening == nullptr || !reply->passed) return out_of_turn();
  return Listener{std::move(reply->passed), listening->endpoint};
}

Result<void> FirewallProxy::add_rules(std::span<const firewall::Rule> rules) {
  while (!rules.empty()) {
    auto batch =
        rules.first(std::min(rules.size(), firewall::kMaxRulesInMessage));
    rules = rules.subspan(batch.size());
    request::AddRules message;
    message.rules.assign(batch.begin(), batch.end());
    Result<void> done = call_done(message);
    if (!done) return done;
  }
  return {};
}

Result<void> FirewallProxy::clear_rules() {
  return call_done(request::ClearRules{});
}

Result<void> FirewallProxy::set_filters(const firewall::Filters& filters) {
  return call_done(request::SetFilters{filters});
}

Result<void> FirewallProxy::set_name_servers(
    std::span<const IpAddress> addresses) {
  return call_done(request::NameServers{{addresses.begin(), addresses.end()}});
}

Result<void> FirewallProxy::set_hosts(std::span<const firewall::Host> hosts) {
  request::SetHosts message;
  std::size_t room = firewall::kHostsRoom;
  for (const firewall::Host& host : hosts) {
    std::size_t size = firewall::wire_size(host);
    if (size > room) {
      message.more = true;
      Result<void> done = call_done(message);
      if (!done) return done;
      message = {};
      room = firewall::kHostsRoom;
    }
    room -= size;
    message.hosts.push_back(host);
  }
  return call_done(message);
}

Result<void> FirewallProxy::set_resolver(std::span<const std::string> domains,
                                         const Endpoint& endpoint) {
  return call_done(
      request::SetResolver{{domains.begin(), domains.end()}, endpoint});
}

Result<Endpoint> FirewallProxy::diverted_from(const Endpoint& asker,
                                              const Endpoint& here) {
  Result<Reply> reply = call(request::Diverted{asker, here});
  if (!reply) return reply.error();
  const auto* meant = std::get_if<answer::Meant>(&reply->answer);
  if (meant == nullptr) return out_of_turn();
  return meant->endpoint;
}

Result<void> FirewallProxy::install() { return call_done(request::Install{}); }

void FirewallProxy::close() {
  if (socket_) ::shutdown(socket_.get(), SHUT_WR);
}

Result<void> FirewallProxy::wait_undone(std::chrono::milliseconds limit) {
  Clock::time_point end = Clock::now() + limit;
  Result<void> outcome;
  while (socket_) {
    if (!wait_readable(socket_.get(), end)) {
      return Error("ginnel-firewall has not undone its rules in time");
    }
    Result<std::optional<Message>> message =
        receive_message(socket_.get(), kMaxAnswer, Passing::kAccept);
    if (!message || !*message) {
      socket_.reset();
      break;
    }
    Result<Answer> last = firewall::decode_answer((*message)->bytes);
    if (!last) continue;
    if (const auto* failed = std::get_if<answer::Failed>(&*last)) {
      outcome = Error("firewall: " + printable(failed->sentence, 400));
    }
  }
  reap();
  return outcome;
}

// The socket's end is the process's last act but one.
void FirewallProxy::reap() {
  if (child_ < 0) return;
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
}

}  // namespace ginnel
