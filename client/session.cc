// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/session.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
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

transport::Kind transport_kind(TransportChoice choice) {
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

Session::Session(asio::any_io_executor executor, asio::signal_set& signals,
                 const Options& options, const Capture& capture,
                 FirewallProxy firewall, std::function<Result<void>()> on_ready)
    : executor_(executor),
      signals_(signals),
      options_(options),
      capture_(capture),
      firewall_(std::move(firewall)),
      on_ready_(std::move(on_ready)) {}

Session::~Session() = default;

awaitable<int> Session::run() {
  int status = kExitFatal;
  auto ended = co_await (serve() || wait_for_signal());
  take_down_firewall();
  if (!interrupted_by_) interrupted_by_ = co_await signal_just_behind();
  if (interrupted_by_) {
    status = 128 + *interrupted_by_;
  } else {
    log::error(std::get<0>(ended));
  }
  if (lanes_) lanes_->close();
  if (transport_) transport_->close();
  co_return status;
}

// `||` waits for a success, so a failure is one: its sentence.
awaitable<std::string> Session::serve() {
  try {
    co_await bring_up_link();
    auto ended =
        co_await (run_link() || firewall_ended() || capture_until_end());
    co_return std::visit([](std::string& why) { return std::move(why); },
                         ended);
  } catch (const transport::Interrupted& interrupted) {
    interrupted_by_ = interrupted.signal();
    co_return interrupted.what();
  } catch (const std::exception& failure) {
    co_return failure.what();
  }
}

awaitable<std::string> Session::run_link() {
  Error error = co_await connection_->run();
  co_return concat("the link to ", options_.remote.host,
                   " has ended: ", error.message());
}

awaitable<std::string> Session::capture_until_end() {
  try {
    co_await discover();
    bring_up_firewall();
    start_intercepting();
    need(on_ready_());
    asio::steady_timer never(executor_, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
    co_return "";
  } catch (const std::exception& failure) {
    co_return failure.what();
  }
}

// What the far end has to tell before it is known what to capture.
awaitable<void> Session::discover() {
  rules_.emplace(firewall_, fixed_rules());
  discovery_.emplace(executor_, options_, capture_, firewall_, *rules_,
                     connection_->session());
  discovery_->start();
  co_await discovery_->wait();
}

awaitable<void> Session::bring_up_link() {
  transport::Request request;
  request.ssh = ssh_options(options_);
  request.kind = transport_kind(options_.transport);
  request.make_socket = [this](Family family) {
    return firewall_.marked_socket(family);
  };
  request.stderr_line = [](std::string_view line) {
    log::info("far end: ", printable(line));
  };
  request.chosen = [this](transport::Kind kind, const std::string& known) {
    if (kind == transport::Kind::kLibssh) restrict_self(known);
  };
  transport_ = co_await transport::open(std::move(request));
  StartedHelper started = co_await start_helper(
      *transport_, options_.remote.host, embedded_helper());
  restrict_self("");
  connection_ = std::make_unique<mux::Connection>(
      executor_, mux::Session::Role::kClient,
      static_cast<mux::Connection::Owner&>(*this), std::move(started.link),
      std::move(started.early));
  if (transport_->multiplexes()) {
    lanes_ = Lanes::start(executor_, *transport_, *connection_);
  }
}

void Session::bring_up_firewall() {
  need(listen());
  need(send_filters());
  rules_->set_families(listens_on(Family::kIpv4), listens_on(Family::kIpv6));
  if (options_.dns) {
    dns_.emplace(executor_, options_, capture_, firewall_, *rules_,
                 connection_->session(), discovery_->hooks());
    need(dns_->listen());
  }
  need(rules_->install());
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

bool Session::listens_on(Family family) const {
  return std::any_of(listeners_.begin(), listeners_.end(),
                     [family](const FirewallProxy::Listener& listener) {
                       return listener.endpoint.address.family() == family;
                     });
}

// A machine may have IPv6 switched off, and a name both kinds of address.
bool Session::may_go_without(const Endpoint& listener) const {
  return options_.listeners.empty() &&
         listener.address.family() == Family::kIpv6 && !listeners_.empty();
}

std::vector<firewall::Rule> Session::fixed_rules() const {
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
  return rules;
}

Result<void> Session::send_filters() {
  firewall::Filters wanted = filters();
  // Whoever can send us packets from there would be let into the tunnel.
  if (wanted.forwarded && wanted.uplinks.empty() && options_.lans.empty()) {
    return Error(
        "cannot tell by which interface the server is reached, and so which "
        "one must not be captured from; name those to capture from with "
        "--lan");
  }
  return firewall_.set_filters(wanted);
}

firewall::Filters Session::filters() const {
  firewall::Filters filters;
  filters.user = capture_.uid;
  filters.group = capture_.gid;
  filters.forwarded =
      std::any_of(capture_.listeners.begin(), capture_.listeners.end(),
                  [](const Endpoint& at) { return !at.address.is_loopback(); });
  if (filters.forwarded) filters.uplinks = uplinks();
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
  if (dns_) dns_->start();
  discovery_->installed();
}

// The firewall's socket says nothing unless it is asked, until it ends.
awaitable<std::string> Session::firewall_ended() {
  asio::posix::stream_descriptor socket(
      executor_, ::fcntl(firewall_.fd(), F_DUPFD_CLOEXEC, 0));
  co_await socket.async_wait(asio::posix::stream_descriptor::wait_read,
                             asio::use_awaitable);
  co_return
      "ginnel-firewall has ended, so nothing is captured any more; start "
      "ginnel again";
}

// Ctrl-C goes to the ssh program, too, whose end may be heard of first.
awaitable<std::optional<int>> Session::signal_just_behind() {
  asio::steady_timer timer(executor_, std::chrono::milliseconds(100));
  auto first = co_await (signals_.async_wait(asio::use_awaitable) ||
                         timer.async_wait(asio::use_awaitable));
  if (first.index() == 1) co_return std::nullopt;
  co_return std::get<0>(first);
}

// The signal's number, once the rules are gone.
awaitable<int> Session::wait_for_signal() {
  int signal = co_await signals_.async_wait(asio::use_awaitable);
  interrupted_by_ = signal;  // whatever else ends now
  log::info("ending, on signal ", signal);
  take_down_firewall();
  co_return signal;
}

// Streams first: with its last nat chain the kernel stops translating, and a
// reset sent after that reaches nobody.
void Session::take_down_firewall() {
  for (auto& interceptor : interceptors_) interceptor->close();
  if (dns_) dns_->close();
  if (discovery_) discovery_->close();
  if (connection_) connection_->session().reset_streams();
  if (std::exchange(firewall_down_, true)) return;
  firewall_.close();
  if (Result<void> undone = firewall_.wait_undone(); !undone) {
    log::error(undone.error().message());
  }
}

// From here on the network's bytes are parsed. While the link comes up, a new
// host key may be written down, so that file (or the folder it will be in)
// is `also_writable`; once it is up, no file is. Each call takes more away.
void Session::restrict_self(const std::string& also_writable) {
  std::vector<std::string> writable = {"/dev/null", "/dev/tty", "/dev/pts"};
  if (!also_writable.empty()) writable.push_back(also_writable);
  need(lock_down(writable));
}

std::shared_ptr<mux::StreamHandler> Session::open_requested(
    mux::Stream&, const mux::Target&) {
  return nullptr;  // only the client opens streams
}

void Session::remote_log(log::Level level, std::string_view text) {
  log::write(level, concat("far end: ", printable(text, mux::kMaxLogText)));
}

void Session::attachable(const mux::Attachable& where) {
  if (lanes_) lanes_->attachable(where);
}

void Session::window_wanted() {
  if (lanes_) lanes_->window_wanted();
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
