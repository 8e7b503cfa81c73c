// SPDX-License-Identifier: GPL-3.0-or-later
// The far end's program: a session on stdin and stdout and on the links that
// join it, a connection out for each stream. It was unlinked before it ran; it
// ends with its links, and leaves nothing.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "helper/attach_listener.h"
#include "helper/attach_main.h"
#include "helper/build_id.h"
#include "helper/dialer.h"
#include "helper/ready.h"
#include "helper/services/serve.h"
#include "mux/connection.h"
#include "mux/fd_link.h"

namespace ginnel {
namespace {

class Helper : public mux::Connection::Owner, private AttachListener::Owner {
 public:
  explicit Helper(asio::any_io_executor executor) : executor_(executor) {}

  // Serves the client on `link`, and those that join it, until it is gone.
  awaitable<void> serve(std::unique_ptr<mux::Link> link) {
    connection_.emplace(executor_, mux::Session::Role::kHelper, *this,
                        std::move(link), std::vector<std::byte>());
    log::set_sink([&](log::Level level, std::string_view line) {
      connection_->session().send_log(level, line);
    });
    co_await connection_->run();
    // Nobody is left to be told why.
    log::set_sink([](log::Level, std::string_view) {});
    if (listener_) listener_->close();
  }

  std::shared_ptr<mux::StreamHandler> open_requested(
      mux::Stream& stream, const mux::Target& target) override {
    return target.service == mux::Service::kTcp
               ? dial(executor_, stream, target.endpoint)
               : serve_own(executor_, stream, target.service);
  }
  void remote_log(log::Level, std::string_view) override {}
  void suspicion(bool) override {}
  void key_received(const mux::SessionKey& key) override;

 private:
  Result<mux::Position> may_attach(const mux::Attach& attach) override;
  void attached(const mux::Attached& as, std::unique_ptr<mux::Link> link,
                std::vector<std::byte> early) override;

  asio::any_io_executor executor_;
  std::optional<mux::Connection> connection_;
  std::shared_ptr<AttachListener> listener_;
};

void Helper::key_received(const mux::SessionKey& key) {
  mux::Attachable where;
  auto listener = AttachListener::open(executor_, key, *this);
  if (listener) {
    listener_ = *std::move(listener);
    spawn(executor_, "attach listener", AttachListener::run(listener_));
    where = listener_->where();
  } else {
    where.reason = listener.error().message();
  }
  connection_->session().send_attachable(where);
}

Result<mux::Position> Helper::may_attach(const mux::Attach& attach) {
  if (attach.role != mux::AttachRole::kLane) {
    return Error("this helper takes lanes only");
  }
  if (attach.epoch != 0) return Error("the session is not that old");
  return connection_->session().received();
}

void Helper::attached(const mux::Attached&, std::unique_ptr<mux::Link> link,
                      std::vector<std::byte> early) {
  connection_->add_lane(std::move(link), std::move(early));
}

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
  // Run from a descriptor, it would be called by its number.
  ::prctl(PR_SET_NAME, "ginnel-helper");
  if (argc == 3 && std::strcmp(argv[1], kAttachFlag) == 0) {
    return attach_main(argv[2]);
  }
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
