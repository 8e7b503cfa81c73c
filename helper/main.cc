// SPDX-License-Identifier: GPL-3.0-or-later
// The far end's program: a session on stdin and stdout, a connection out for
// each stream. It was unlinked before it ran; it ends with its link, and
// leaves nothing.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "helper/build_id.h"
#include "helper/dialer.h"
#include "helper/ready.h"
#include "mux/connection.h"
#include "mux/fd_link.h"

namespace ginnel {
namespace {

class Helper : public mux::Connection::Owner {
 public:
  explicit Helper(asio::any_io_executor executor) : executor_(executor) {}

  // Serves the client on `link` until it is gone.
  awaitable<void> serve(std::unique_ptr<mux::Link> link) {
    mux::Connection connection(executor_, mux::Session::Role::kHelper, *this,
                               std::move(link), {});
    log::set_sink([&](log::Level level, std::string_view line) {
      connection.session().send_log(level, line);
    });
    co_await connection.run();
    // Nobody is left to be told why.
    log::set_sink([](log::Level, std::string_view) {});
  }

  std::shared_ptr<mux::StreamHandler> open_requested(
      mux::Stream& stream, const Endpoint& target) override {
    return dial(executor_, stream, target);
  }
  void remote_log(log::Level, std::string_view) override {}
  void suspicion(bool) override {}

 private:
  asio::any_io_executor executor_;
};

// A stream is a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Where a file cannot be run once it is unlinked, it was started by its path,
// and is told it: `--unlink PATH`.
bool unlink_self(int argc, char** argv) {
  if (argc == 1) return true;
  if (argc != 3 || std::strcmp(argv[1], "--unlink") != 0) return false;
  ::unlink(argv[2]);
  return true;
}

bool say_ready() {
  std::string line = helper_ready::line(GINNEL_VERSION, own_build_id());
  return ::write(STDOUT_FILENO, line.data(), line.size()) ==
         static_cast<ssize_t>(line.size());
}

UniqueFd copy_of(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

}  // namespace
}  // namespace ginnel

int main(int argc, char** argv) {
  using namespace ginnel;
  if (!unlink_self(argc, argv)) {
    log::error("ginnel-helper is started by ginnel, not by hand");
    return 2;
  }
  ::close(helper_ready::kOwnFile);
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  if (!say_ready()) return 1;
  asio::io_context io{1};
  Helper helper(io.get_executor());
  spawn(io.get_executor(), "serve",
        helper.serve(std::make_unique<mux::FdLink>(
            io.get_executor(), copy_of(STDIN_FILENO), copy_of(STDOUT_FILENO))));
  // Ours would keep the login's stdin and stdout open behind the link's back.
  ::close(STDIN_FILENO);
  ::close(STDOUT_FILENO);
  io.run();
  return 0;
}
