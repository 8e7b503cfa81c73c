// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/open.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/this_coro.hpp>
#include <filesystem>

#include "base/log.h"
#include "client/transport/check.h"
#include "client/transport/dial.h"
#include "client/transport/libssh_transport.h"
#include "client/transport/openssh_transport.h"

namespace ginnel::transport {
namespace {

using Opener = awaitable<std::unique_ptr<Transport>> (*)(SshConfig, SshOptions,
                                                         SocketFactory,
                                                         LineSink);

awaitable<std::unique_ptr<Transport>> open_openssh(SshConfig config,
                                                   SshOptions options,
                                                   SocketFactory make_socket,
                                                   LineSink stderr_line) {
  auto executor = co_await asio::this_coro::executor;
  co_return OpensshTransport::open(executor, std::move(config),
                                   std::move(options), std::move(make_socket),
                                   std::move(stderr_line));
}

// Every transport there is.
struct Row {
  Kind kind;
  const char* name;
  Opener open;
};
constexpr std::array kTransports{
    Row{Kind::kLibssh, "libssh", LibsshTransport::open},
    Row{Kind::kOpenssh, "openssh", open_openssh},
};

// Where a new host key will be written. The folder is made, as ssh makes it.
std::string prepare_known_hosts(const SshConfig& config) {
  std::vector<std::string> files = config.known_hosts_files();
  if (files.empty() || files.front() == "none") return {};
  if (::access(files.front().c_str(), F_OK) == 0) return files.front();
  std::filesystem::path folder =
      std::filesystem::path(files.front()).parent_path();
  ::mkdir(folder.c_str(), 0700);
  return folder.string();
}

}  // namespace

awaitable<std::unique_ptr<Transport>> open(Request request) {
  auto examined = examine(request.ssh, request.kind);
  if (!examined) throw Failure(examined.error().message());
  Kind kind = examined->choice.kind;
  const Row* row = std::ranges::find(kTransports, kind, &Row::kind);
  log::debug("transport: ", row->name, ", since ", examined->choice.reason);
  if (request.chosen) {
    request.chosen(kind, prepare_known_hosts(examined->config));
  }
  if (!request.make_socket) request.make_socket = plain_socket;
  co_return co_await row->open(
      std::move(examined->config), std::move(request.ssh),
      std::move(request.make_socket), std::move(request.stderr_line));
}

}  // namespace ginnel::transport
