// SPDX-License-Identifier: GPL-3.0-or-later
// The program a person types: words to options, privileges given up, one
// Session run, an exit status.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "base/log.h"
#include "client/capture.h"
#include "client/daemon.h"
#include "client/firewall_proxy.h"
#include "client/logging.h"
#include "client/options.h"
#include "client/privileges.h"
#include "client/session.h"
#include "client/transport/askpass.h"
#include "client/transport/open.h"
#include "client/transport/pass_fd.h"

namespace ginnel {
namespace {

int complain(int status, const Error& error) {
  std::fprintf(stderr, "ginnel: %s\n", error.message().c_str());
  return status;
}

// Becomes whoever had root start us, with their ssh agent. Real root, with
// nobody behind it, stays what it is: the keys are root's.
Result<void> become_the_user(const std::vector<std::string>& words) {
  std::optional<Identity> user;
  if (auto name = find_run_as(words)) {
    Result<Identity> named = named_user(*name);
    if (!named) return named.error();
    user = *named;
  } else {
    Result<std::optional<Identity>> invoking = invoking_user();
    if (!invoking) return invoking.error();
    user = *invoking;
  }
  if (!user) return {};
  if (!std::getenv("SSH_AUTH_SOCK")) {
    auto agent = agent_socket_of(*user);
    if (agent) setenv("SSH_AUTH_SOCK", agent->c_str(), 1);
  }
  return drop_to(*user);
}

// A captured connection is a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What a program that starts this one may have left otherwise: a closed stdin,
// whose number a socket would get, and children that nobody can wait for.
void expect_little_of_the_parent() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", O_RDWR);
  }
  std::signal(SIGCHLD, SIG_DFL);
  std::signal(SIGPIPE, SIG_IGN);
}

// The signals that end a run in order. One that is ignored from the start
// (nohup) stays so.
void add_ending_signals(asio::signal_set& signals) {
  for (int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now {};
    sigaction(number, nullptr, &now);
    if (now.sa_handler != SIG_IGN) signals.add(number);
  }
}

Result<FirewallProxy> start_firewall(std::optional<FirewallProxy> started) {
  if (started) return *std::move(started);
  return FirewallProxy::start_by_sudo(FirewallProxy::Start());
}

// The signal that came while something else blocked, if one did.
std::optional<int> signal_so_far(asio::io_context& io,
                                 asio::signal_set& signals) {
  std::optional<int> came;
  signals.async_wait([&](std::error_code error, int number) {
    if (!error) came = number;
  });
  io.poll();
  signals.cancel();
  io.restart();
  io.poll();
  io.restart();
  return came;
}

awaitable<void> run_session(Session& session, int& status) {
  status = co_await session.run();
}

// Everything after the options: what can fail from here on is no usage error.
int run(const Options& options, const Capture& capture,
        std::optional<FirewallProxy> started) {
  std::optional<Daemonizer> daemon;
  std::optional<PidFile> pid_file;
  asio::io_context io{1};
  if (options.daemon) {
    auto forked = Daemonizer::start();
    if (!forked) return complain(kExitFatal, forked.error());
    daemon = *std::move(forked);
  }
  asio::signal_set signals(io);
  add_ending_signals(signals);
  if (options.pidfile) {
    auto claimed = PidFile::claim(*options.pidfile);
    if (!claimed) return complain(kExitFatal, claimed.error());
    pid_file.emplace(*std::move(claimed));
  }
  setup_logging(options);
  for (const auto* list : {&options.warnings, &capture.warnings}) {
    for (const std::string& warning : *list) log::warning(warning);
  }
  raise_descriptor_limit();
  Result<FirewallProxy> firewall = start_firewall(std::move(started));
  if (auto number = signal_so_far(io, signals)) return 128 + *number;
  if (!firewall) {
    log::error(firewall.error().message());
    return kExitFatal;
  }
  auto on_ready = [&]() -> Result<void> {
    // Before the shell has its prompt back, the file is to be believed.
    if (pid_file) {
      if (auto written = pid_file->write(); !written) return written;
    }
    return daemon ? daemon->ready() : Result<void>();
  };
  Session session(io.get_executor(), signals, options, capture,
                  *std::move(firewall), on_ready);
  int status = kExitFatal;
  spawn(io.get_executor(), "session", run_session(session, status));
  io.run();
  return status;
}

int answer(Action action) {
  std::string text = action == Action::kHelp ? usage() : version();
  std::fputs(text.c_str(), stdout);
  return 0;
}

int start(const std::vector<std::string>& words) {
  std::optional<FirewallProxy> firewall;
  if (geteuid() == 0) {
    auto started = FirewallProxy::start_as_root(FirewallProxy::Start());
    if (!started) return complain(kExitFatal, started.error());
    firewall = *std::move(started);
    auto dropped = become_the_user(words);
    if (!dropped) return complain(kExitFatal, dropped.error());
  }
  if (!firewall && find_run_as(words)) {
    return complain(kExitUsage, Error("--run-as needs root: start ginnel with "
                                      "sudo, or leave --run-as out"));
  }
  // From here on the user's files are opened with the user's rights.
  Lookups lookups = system_lookups();
  auto options = parse_options(words, lookups.read_file);
  if (!options) return complain(kExitUsage, options.error());
  if (options->action != Action::kRun) return answer(options->action);
  auto capture = load_capture(*options, lookups);
  if (!capture) return complain(kExitUsage, capture.error());
  auto checked = transport::check(ssh_options(*options),
                                  transport_kind(options->transport));
  if (!checked) return complain(kExitUsage, checked.error());
  return run(*options, *capture, std::move(firewall));
}

// -h and -V touch nothing, so they need not start anything either.
std::optional<int> answer_at_once(const std::vector<std::string>& words) {
  auto no_files = [](const std::string& path) -> Result<std::string> {
    return Error(path);
  };
  auto options = parse_options(words, no_files);
  if (!options || options->action == Action::kRun) return std::nullopt;
  return answer(options->action);
}

}  // namespace
}  // namespace ginnel

int main(int argc, char** argv) {
  using namespace ginnel;
  expect_little_of_the_parent();
  if (argc > 1 && !std::strcmp(argv[1], transport::kPassFdFlag)) {
    return transport::pass_fd_main();
  }
  if (transport::is_askpass()) return transport::askpass_main(argc, argv);
  auto words = command_line(std::getenv("GINNEL_ARGS"), argc, argv);
  if (!words) return complain(kExitUsage, words.error());
  if (auto status = answer_at_once(*words)) return *status;
  return start(*words);
}
