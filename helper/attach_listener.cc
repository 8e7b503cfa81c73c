// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/attach_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/system_error.hpp>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "helper/attach_socket.h"
#include "mux/attach_link.h"
#include "mux/fd_link.h"

namespace ginnel {
namespace {

using Descriptor = asio::posix::stream_descriptor;

// Between two looks at whether a descriptor has become free; and what is left
// to everything else when many come.
constexpr auto kRetry = std::chrono::milliseconds(100);
// So many are accepted in a row. Anybody of the host may knock, at no cost.
constexpr int kAcceptTurn = 16;

// A login's stdin and stdout, and the socket that keeps the login running.
class AttachedLink : public mux::FdLink {
 public:
  AttachedLink(asio::any_io_executor executor, Streams streams,
               UniqueFd attach_process)
      : FdLink(executor, std::move(streams.input), std::move(streams.output)),
        attach_process_(std::move(attach_process)) {}

  void close() override {
    FdLink::close();
    attach_process_.reset();
  }

 private:
  UniqueFd attach_process_;
};

Result<mux::AttachNonce> random_nonce() {
  mux::AttachNonce nonce;
  if (Result<void> filled = fill_random(nonce); !filled) return filled.error();
  return nonce;
}

// Whether a login can start this very program once more.
bool can_run_self() { return ::access("/proc/self/exe", X_OK) == 0; }

}  // namespace

// A login that has come and is not let in yet. At its deadline, or when it is
// turned away, whoever waits for it finds everything closed.
class AttachListener::Guest {
 public:
  Guest(AttachListener& host, UniqueFd attach_process)
      : socket(host.executor_, attach_process.release()),
        host_(host),
        deadline_(host.executor_, host.limit_) {
    host_.guests_.insert(this);
    deadline_.async_wait(
        [this, alive = std::weak_ptr<bool>(alive_)](std::error_code cancelled) {
          if (!cancelled && !alive.expired()) turn_away();
        });
  }
  Guest(const Guest&) = delete;
  ~Guest() { host_.guests_.erase(this); }

  void turn_away() {
    std::error_code ignored;
    socket.close(ignored);
    if (link) link->close();
  }

  Descriptor socket;                // until it becomes part of
  std::unique_ptr<mux::Link> link;  // this

 private:
  AttachListener& host_;
  asio::steady_timer deadline_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

void FailureLimit::failed(TimePoint now) {
  while (!failures_.empty() && now - failures_.front() >= kSpan) {
    failures_.pop_front();
  }
  failures_.push_back(now);
  if (failures_.size() < kMost) return;
  failures_.clear();
  closed_until_ = now + kSpan;
}

Result<std::shared_ptr<AttachListener>> AttachListener::open(
    asio::any_io_executor executor, const mux::SessionKey& key, Owner& owner,
    std::chrono::milliseconds limit) {
  if (!can_run_self()) {
    return Error("/proc/self/exe cannot be run at the far end");
  }
  std::array<std::byte, mux::kAttachDigits / 2> random;
  if (Result<void> filled = fill_random(random); !filled) {
    return filled.error();
  }
  std::string name = concat(mux::kAttachPrefix, hexadecimal(random));
  Result<UniqueFd> socket = listen_for_streams(name);
  if (!socket) return socket.error();
  return std::shared_ptr<AttachListener>(new AttachListener(
      executor, key, owner, limit, std::move(name), *std::move(socket)));
}

AttachListener::AttachListener(asio::any_io_executor executor,
                               const mux::SessionKey& key, Owner& owner,
                               std::chrono::milliseconds limit,
                               std::string name, UniqueFd socket)
    : executor_(executor),
      key_(key),
      owner_(owner),
      limit_(limit),
      name_(std::move(name)),
      socket_(executor, socket.release()),
      pause_(executor) {}

mux::Attachable AttachListener::where() const {
  mux::Attachable where;
  where.pid = static_cast<std::uint32_t>(::getpid());
  where.name = name_;
  return where;
}

awaitable<void> AttachListener::run(std::shared_ptr<AttachListener> self) {
  while (self->socket_.is_open()) {
    co_await self->socket_.async_wait(Descriptor::wait_read,
                                      asio::use_awaitable);
    if (self->accept_waiting()) continue;
    self->pause_.expires_after(kRetry);
    co_await self->pause_.async_wait(asio::use_awaitable);
  }
}

void AttachListener::close() {
  std::error_code ignored;
  socket_.close(ignored);
  pause_.cancel();
  for (Guest* guest : guests_) guest->turn_away();
}

// False: wait before the next look. It is out of descriptors, or of something
// else that comes back, or it has had its turn.
bool AttachListener::accept_waiting() {
  for (int i = 0; i < kAcceptTurn; ++i) {
    UniqueFd socket(::accept4(socket_.native_handle(), nullptr, nullptr,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      begin(std::move(socket));
    } else if (errno == EAGAIN) {
      return true;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return false;
    }
  }
  return false;
}

void AttachListener::begin(UniqueFd socket) {
  if (Result<void> own = check_own(socket.get()); !own) {
    log::debug("a link was not taken: ", own.error().message());
  } else if (failures_.closed(std::chrono::steady_clock::now())) {
    send_refusal(socket.get(), "too many have failed to; try in a minute");
  } else if (guests_.size() >= kMaxPending) {
    send_refusal(socket.get(), "too many attach at once");
  } else {
    spawn(executor_, "attach", admit(shared_from_this(), std::move(socket)));
  }
}

awaitable<void> AttachListener::admit(std::shared_ptr<AttachListener> self,
                                      UniqueFd socket) {
  Guest guest(*self, std::move(socket));
  try {
    co_await self->take_link(guest);
  } catch (const asio::system_error& error) {
    log::debug("a link ended before it was proved: ", error.what());
  }
}

awaitable<void> AttachListener::take_link(Guest& guest) {
  co_await guest.socket.async_wait(Descriptor::wait_read, asio::use_awaitable);
  Result<Streams> streams = receive_streams(guest.socket.native_handle());
  if (!streams) {
    log::debug("a link was not taken: ", streams.error().message());
    co_return;
  }
  guest.link = std::make_unique<AttachedLink>(executor_, *std::move(streams),
                                              UniqueFd(guest.socket.release()));
  co_await prove(guest);
}

awaitable<void> AttachListener::prove(Guest& guest) {
  Result<mux::AttachNonce> nonce = random_nonce();
  if (!nonce) co_return refused(nonce.error());
  mux::AttachHelper handshake(key_, *nonce, [this](const mux::Attach& attach) {
    return may_attach(attach);
  });
  mux::Attached as;
  Result<void> proved = co_await mux::attach_over(*guest.link, handshake, as);
  if (!proved) co_return refused(proved.error());
  if (!socket_.is_open()) co_return;
  owner_.attached(as, std::move(guest.link), handshake.take_rest());
}

Result<mux::Position> AttachListener::may_attach(const mux::Attach& attach) {
  if (!socket_.is_open()) return Error("the session has ended");
  return owner_.may_attach(attach);
}

// The client has been told. What an honest one never sends, its user is told.
void AttachListener::refused(const Error& why) {
  bool guessed = why.code() == std::errc::permission_denied ||
                 why.code() == std::errc::bad_message;
  log::write(guessed ? log::Level::kWarning : log::Level::kDebug,
             concat("a further link was refused: ", why.message()));
  if (guessed) failures_.failed(std::chrono::steady_clock::now());
}

}  // namespace ginnel
