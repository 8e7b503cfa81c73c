// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/session.h"

#include <unistd.h>

#include <algorithm>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <utility>

#include "base/log.h"
#include "client/privileges.h"
#include "client/remote_start.h"
#include "client/transport/open.h"
#include "client/uplink.h"

namespace ginnel {
namespace {

using namespace asio::experimental::awaitable_operators;
using transport::Failure;

transport::Kind kind_of(TransportChoice choice) {
  switch (choice) {
    case TransportChoice::kAuto:
      return transport::Kind::kAuto;
    case TransportChoice::kLibssh:
      return transport::Kind::kLibssh;
    case TransportChoice::kOpenssh:
      return transport::Kind::kOpenssh;
  }
  return transport::Kind::kAuto;
}

transport::SshOptions ssh_options(const Options& options) {
  transport::SshOptions ssh;
  ssh.host = options.remote.host;
  ssh.user = options.remote.user;
  ssh.port = options.remote.port;
  ssh.password = options.remote.password;
  ssh.config_file = options.ssh_config.value_or("");
  ssh.identities = options.identity_files;
  ssh.ssh_command = options.ssh_command;
  for (const SshOption& option : options.ssh_options) {
    ssh.settings.push_back(concat(option.key, "=", option.value));
  }
  return ssh;
}

firewall::Rule firewall_rule(const SubnetRule& rule) {
  return firewall::Rule(
      rule.prefix, rule.ports,
      rule.include ? firewall::Action::kInclude : firewall::Action::kExclude);
}

// Throws the sentence of a failed call.
template <typename T>
T need(Result<T> result) {
  if (!result) throw Failure(result.error().message());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace

Session::Session(asio::any_io_executor executor, const Options& options,
                 const Capture& capture, FirewallProxy firewall,
                 std::function<Result<void>()> on_ready)
    : executor_(executor),
      options_(options),
      capture_(capture),
      firewall_(std::move(firewall)),
      on_ready_(std::move(on_ready)) {}

Session::~Session() = default;

awaitable<int> Session::run() {
  int status = kExitFatal;
  auto ended = co_await (serve() || wait_for_signal());
  if (const std::string* failure = std::get_if<0>(&ended)) {
    log::error(*failure);
  } else {
    status = 128 + std::get<1>(ended);
  }
  take_down_firewall();
  if (transport_) transport_->close();
  co_return status;
}

// `||` waits for a success, so a failure is one: its sentence.
awaitable<std::string> Session::serve() {
  try {
    co_await bring_up_link();
    bring_up_firewall();
    start_intercepting();
    need(on_ready_());
    co_return co_await serve_until_end();
  } catch (const std::exception& failure) {
    co_return failure.what();
  }
}

awaitable<std::string> Session::serve_until_end() {
  auto ended = co_await (connection_->run() || firewall_ended());
  if (const Error* error = std::get_if<0>(&ended)) {
    co_return concat("the link to ", options_.remote.host,
                     " has ended: ", error->message());
  }
  co_return
      "ginnel-firewall has ended, so nothing is captured any more; start "
      "ginnel again";
}

awaitable<void> Session::bring_up_link() {
  transport::Request request;
  request.ssh = ssh_options(options_);
  request.kind = kind_of(options_.transport);
  request.make_socket = [this](Family family) {
    return firewall_.marked_socket(family);
  };
  request.stderr_line = [](std::string_view line) {
    log::info("far end: ", printable(line));
  };
  request.chosen = [this](transport::Kind kind) {
    if (kind == transport::Kind::kLibssh) restrict_self();
  };
  transport_ = co_await transport::open(std::move(request));
  StartedHelper started = co_await start_helper(
      *transport_, options_.remote.host, embedded_helper());
  restrict_self();
  connection_ = std::make_unique<mux::Connection>(
      executor_, mux::Session::Role::kClient,
      static_cast<mux::Connection::Owner&>(*this), std::move(started.link),
      std::move(started.early));
}

void Session::bring_up_firewall() {
  need(listen());
  need(send_plan());
  need(firewall_.install());
  log::info("connected to ", options_.remote.host, " by ", transport_->name());
}

Result<void> Session::listen() {
  for (const Endpoint& wanted : capture_.listeners) {
    Result<FirewallProxy::Listener> listener = firewall_.listen(wanted);
    if (!listener && may_go_without(wanted)) {
      log::warning("IPv6 is not captured: ", listener.error().message());
      continue;
    }
    if (!listener) return listener.error();
    log::debug("listening on ", listener->endpoint);
    listeners_.push_back(*std::move(listener));
  }
  return {};
}

// A machine may have IPv6 switched off, and a name both kinds of address.
bool Session::may_go_without(const Endpoint& listener) const {
  return options_.listeners.empty() &&
         listener.address.family() == Family::kIpv6 && !listeners_.empty();
}

Result<void> Session::send_plan() {
  std::vector<firewall::Rule> rules;
  for (const SubnetRule& rule : capture_.rules) {
    rules.push_back(firewall_rule(rule));
  }
  for (const Endpoint& hop : transport_->first_hop()) {
    log::info("not captured, because the link itself goes there: ", hop);
    rules.emplace_back(Prefix(hop.address, hop.address.bits()),
                       PortRange(hop.port, hop.port),
                       firewall::Action::kExclude);
  }
  if (Result<void> sent = firewall_.add_rules(rules); !sent) return sent;

  return firewall_.set_filters(filters());
}

firewall::Filters Session::filters() const {
  firewall::Filters filters;
  filters.user = capture_.uid;
  filters.group = capture_.gid;
  filters.forwarded =
      std::any_of(capture_.listeners.begin(), capture_.listeners.end(),
                  [](const Endpoint& at) { return !at.address.is_loopback(); });
  filters.uplinks = uplinks();
  for (const Lan& lan : options_.lans) {
    if (const std::string* name = std::get_if<std::string>(&lan)) {
      filters.lan_interfaces.push_back(*name);
    } else {
      filters.lan_prefixes.push_back(std::get<Prefix>(lan));
    }
  }
  return filters;
}

// The interfaces that the link uses.
std::vector<std::string> Session::uplinks() const {
  std::vector<Endpoint> peers = transport_->first_hop();
  if (auto peer = transport_->peer()) peers.push_back(*peer);
  std::set<std::string> names;
  for (const Endpoint& peer : peers) {
    if (auto name = uplink_to(peer)) names.insert(*name);
  }
  return {names.begin(), names.end()};
}

void Session::start_intercepting() {
  for (FirewallProxy::Listener& listener : listeners_) {
    interceptors_.push_back(std::make_unique<Interceptor>(
        executor_, std::move(listener.socket),
        listener.endpoint.address.family(), connection_->session()));
    spawn(executor_, concat("accept on ", listener.endpoint),
          interceptors_.back()->run());
  }
}

// The firewall's socket says nothing unless it is asked, until it ends.
awaitable<void> Session::firewall_ended() {
  asio::posix::stream_descriptor socket(executor_, ::dup(firewall_.fd()));
  co_await socket.async_wait(asio::posix::stream_descriptor::wait_read,
                             asio::use_awaitable);
}

// The signal's number, once the far end has been told or a little later.
awaitable<int> Session::wait_for_signal() {
  asio::signal_set signals(executor_, SIGINT, SIGTERM, SIGHUP);
  int signal = co_await signals.async_wait(asio::use_awaitable);
  log::info("ending, on signal ", signal);
  take_down_firewall();
  co_return signal;
}

// Rules first, so that no new connection meets a listener that nobody serves.
void Session::take_down_firewall() {
  if (firewall_.fd() < 0) return;
  firewall_.close();
  if (Result<void> undone = firewall_.wait_undone(); !undone) {
    log::error(undone.error().message());
  }
  for (auto& interceptor : interceptors_) interceptor->close();
}

// From here on the network's bytes are parsed.
void Session::restrict_self() {
  if (std::exchange(restricted_, true)) return;
  std::vector<std::string> writable = {"/dev/null", "/dev/tty", "/dev/pts"};
  if (const char* home = std::getenv("HOME")) {
    writable.push_back(concat(home, "/.ssh"));
  }
  if (options_.pidfile) {
    writable.push_back(
        std::filesystem::absolute(*options_.pidfile).parent_path().string());
  }
  need(lock_down(writable));
}

std::shared_ptr<mux::StreamHandler> Session::open_requested(mux::Stream&,
                                                            const Endpoint&) {
  return nullptr;  // only the client opens streams
}

void Session::remote_log(log::Level level, std::string_view text) {
  log::write(level, concat("far end: ", printable(text, mux::kMaxLogText)));
}

void Session::suspicion(bool suspected) {
  if (suspected) {
    log::warning("nothing heard from ", options_.remote.host,
                 " for 15 seconds");
  } else {
    log::info(options_.remote.host, " is heard from again");
  }
}

}  // namespace ginnel
