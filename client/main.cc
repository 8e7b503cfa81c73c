// SPDX-License-Identifier: GPL-3.0-or-later
// The program a person types: words to options, privileges given up, one
// Session run, an exit status.
#include <sys/resource.h>
#include <unistd.h>

#include <asio/io_context.hpp>
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

Result<FirewallProxy> start_firewall(std::optional<FirewallProxy> started) {
  if (started) return *std::move(started);
  return FirewallProxy::start_by_sudo(FirewallProxy::Start());
}

awaitable<void> run_session(Session& session, int& status) {
  status = co_await session.run();
}

// Everything after the options: what can fail from here on is no usage error.
int run(const Options& options, const Capture& capture,
        std::optional<FirewallProxy> started) {
  std::optional<Daemonizer> daemon;
  std::optional<PidFile> pid_file;
  if (options.daemon) {
    auto forked = Daemonizer::start();
    if (!forked) return complain(kExitFatal, forked.error());
    daemon = *std::move(forked);
  }
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
  std::signal(SIGPIPE, SIG_IGN);
  Result<FirewallProxy> firewall = start_firewall(std::move(started));
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
  asio::io_context io{1};
  Session session(io.get_executor(), options, capture, *std::move(firewall),
                  on_ready);
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
  // From here on the user's files are opened with the user's rights.
  Lookups lookups = system_lookups();
  auto options = parse_options(words, lookups.read_file);
  if (!options) return complain(kExitUsage, options.error());
  if (options->action != Action::kRun) return answer(options->action);
  auto capture = load_capture(*options, lookups);
  if (!capture) return complain(kExitUsage, capture.error());
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
  if (argc > 1 && !std::strcmp(argv[1], transport::kPassFdFlag)) {
    return transport::pass_fd_main();
  }
  auto words = command_line(std::getenv("GINNEL_ARGS"), argc, argv);
  if (!words) return complain(kExitUsage, words.error());
  if (auto status = answer_at_once(*words)) return *status;
  return start(*words);
}
