// SPDX-License-Identifier: GPL-3.0-or-later
// A login's attach process, in a process of its own, and the helper's listener,
// over real sockets.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "base/unix_socket.h"
#include "helper/attach_listener.h"
#include "helper/attach_main.h"
#include "helper/attach_socket.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

mux::SessionKey session_key(int key) {
  mux::SessionKey made;
  made.id.fill(std::byte{1});
  made.key.fill(static_cast<std::byte>(key));
  return made;
}

mux::AttachNonce nonce(int byte) {
  mux::AttachNonce nonce;
  nonce.fill(static_cast<std::byte>(byte));
  return nonce;
}

std::pair<UniqueFd, UniqueFd> socket_pair() {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// A program's end of a login: `ginnel-helper --attach NAME`, as sshd runs it.
class Login {
 public:
  explicit Login(const std::string& name, uid_t uid = ::geteuid()) {
    auto [near, far] = socket_pair();
    auto [words, errors] = socket_pair();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(far.get(), STDIN_FILENO);
      ::dup2(far.get(), STDOUT_FILENO);
      ::dup2(errors.get(), STDERR_FILENO);
      ::close_range(3, ~0u, 0);
      if (uid != ::geteuid() && ::setuid(uid) != 0) ::_exit(99);
      ::_exit(attach_main(name));
    }
    REQUIRE(pid_ > 0);
    channel_ = std::move(near);
    words_ = std::move(words);
  }
  ~Login() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  int channel() const { return channel_.get(); }
  void send(Bytes bytes) {
    REQUIRE(::send(channel(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  // What has come; nothing yet, or at the end, is empty.
  std::vector<std::byte> receive() {
    std::vector<std::byte> bytes(4096);
    ssize_t size = ::recv(channel(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return bytes;
  }
  bool closed() {
    char byte;
    return ::recv(channel(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
  }
  // Its exit status, once it has ended.
  std::optional<int> status() {
    int status;
    if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return {};
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string words() {
    char text[500];
    ssize_t size = ::recv(words_.get(), text, sizeof text, MSG_DONTWAIT);
    return std::string(text, size < 0 ? 0 : static_cast<std::size_t>(size));
  }

 private:
  pid_t pid_ = -1;
  UniqueFd channel_, words_;
};

// The helper.
class Fixture : private AttachListener::Owner {
 public:
  explicit Fixture(std::chrono::milliseconds limit = AttachListener::kLimit) {
    auto opened =
        AttachListener::open(io_.get_executor(), session_key(2), *this, limit);
    REQUIRE(opened.has_value());
    listener = *std::move(opened);
    spawn(io_.get_executor(), "listener", AttachListener::run(listener));
  }
  ~Fixture() override {
    listener->close();
    link.reset();
    turn([] { return running_tasks().empty(); });
    listener.reset();  // while its loop is there
  }

  // Lets it work until `done`, for five seconds at most.
  void turn(const std::function<bool()>& done) {
    auto end = std::chrono::steady_clock::now() + 5s;
    bool finished = done();
    while (!finished && std::chrono::steady_clock::now() < end) {
      io_.restart();
      io_.run_one_for(10ms);
      finished = done();
    }
    REQUIRE(finished);
  }
  std::string name() const { return listener->where().name; }
  // The client's end of a handshake on a login's channel: true, or the error.
  std::string handshake(Login& login, int key,
                        mux::AttachRole role = mux::AttachRole::kLane) {
    mux::AttachClient client(session_key(key), role, 0, 5, nonce(++nonces_));
    std::string said;
    login.send(client.take_output());
    turn([&] {
      auto bytes = login.receive();
      if (bytes.empty()) return false;
      auto done = client.receive(bytes);
      if (!done) said = done.error().message();
      return !done || done->has_value();
    });
    if (said.empty()) login.send(client.take_output());
    return said;
  }
  int end_of(Login& login) {
    std::optional<int> status;
    turn([&] {
      status = login.status();
      return status.has_value();
    });
    return *status;
  }

  std::shared_ptr<AttachListener> listener;
  std::unique_ptr<mux::Link> link;
  std::optional<mux::Attached> as;
  std::string refusal;

 private:
  Result<mux::Position> may_attach(const mux::Attach&) override {
    if (!refusal.empty()) return Error(refusal);
    return mux::Position{6};
  }
  void attached(const mux::Attached& how, std::unique_ptr<mux::Link> proved,
                std::vector<std::byte>) override {
    as = how;
    link = std::move(proved);
  }

  asio::io_context io_{1};
  int nonces_ = 0;
};

// Sends `count` descriptors with `greeting` as an attach process would; true
// if they were taken. None of them stays open in any case but that.
bool takes(std::string_view greeting, std::size_t count) {
  auto made = seqpacket_pair();
  REQUIRE(made.has_value());
  auto [reader, writer] = socket_pair();
  std::vector<int> passed(count, writer.get());
  alignas(cmsghdr) char room[CMSG_SPACE(16 * sizeof(int))] = {};
  iovec part{const_cast<char*>(greeting.data()), greeting.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (count > 0) {
    header.msg_control = room;
    header.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::copy(passed.begin(), passed.end(),
              reinterpret_cast<int*>(CMSG_DATA(rights)));
  }
  REQUIRE(::sendmsg(made->first.get(), &header, 0) >= 0);
  writer.reset();
  bool taken = receive_streams(made->second.get()).has_value();
  char byte;
  CHECK(::recv(reader.get(), &byte, 1, MSG_DONTWAIT) == 0);
  return taken;
}

// The helper's, for whoever does not care whose socket it is.
class Address {
 public:
  explicit Address(const std::string& name)
      : size_(static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                     name.size())) {
    path_.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), path_.sun_path + 1);
  }
  bool connect(int socket) const {
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&path_),
                     size_) == 0;
  }

 private:
  sockaddr_un path_{};
  socklen_t size_;
};

// As another user: the helper closes at once.
bool is_turned_away(const std::string& name) {
  if (::setuid(65534) != 0) return false;
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET, 0));
  char byte;
  return Address(name).connect(socket.get()) &&
         ::recv(socket.get(), &byte, 1, 0) == 0;
}

// Another user's process, which knocks at the helper's door without end.
class Knocker {
 public:
  explicit Knocker(const std::string& name)
      : knocks_(static_cast<std::atomic<int>*>(
            ::mmap(nullptr, sizeof *knocks_, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(knocks_ != MAP_FAILED);
    pid_ = ::fork();
    if (pid_ != 0) return;
    if (::setuid(65534) != 0) ::_exit(1);
    Address address(name);
    for (;;) {
      UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET, 0));
      if (address.connect(socket.get())) ++*knocks_;
    }
  }
  ~Knocker() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::munmap(knocks_, sizeof *knocks_);
  }
  int knocks() const { return *knocks_; }

 private:
  std::atomic<int>* knocks_;
  pid_t pid_;
};

}  // namespace

TEST_CASE("attach: a login's streams become a link of the helper's") {
  Fixture helper;
  Login login(helper.name());
  CHECK(helper.handshake(login, 2) == "");
  helper.turn([&] { return helper.link != nullptr; });
  CHECK(helper.as->role == mux::AttachRole::kLane);
  CHECK(helper.as->received == 5);

  CHECK(helper.link->write_some(as_bytes("down")) == 4);
  std::vector<std::byte> down;
  helper.turn([&] {
    down = login.receive();
    return !down.empty();
  });
  CHECK(as_text(down) == "down");
  // It goes on for as long as the helper holds the link, and no longer.
  CHECK_FALSE(login.status().has_value());
  helper.link->close();
  CHECK(helper.end_of(login) == 0);
  CHECK(login.closed());
}

TEST_CASE("attach: a wrong key is refused, and its login ends") {
  Fixture helper;
  Login login(helper.name());
  CHECK(helper.handshake(login, 3).starts_with("whoever answers"));
  helper.turn([&] { return login.receive().empty(); });
  login.send(as_bytes("x"));
  ::shutdown(login.channel(), SHUT_WR);
  CHECK(helper.end_of(login) == 0);
  CHECK(helper.link == nullptr);
}

TEST_CASE("attach: what the helper does not serve, it says") {
  Fixture helper;
  helper.refusal = "not in the mood";
  Login login(helper.name());
  CHECK(helper.handshake(login, 2, mux::AttachRole::kResume) ==
        "the helper takes no further link: not in the mood");
  CHECK(helper.end_of(login) == 0);
}

TEST_CASE("attach: ten that guess, and nobody is let in for a minute") {
  Fixture helper;
  for (int i = 0; i < 10; ++i) {
    Login guess(helper.name());
    guess.send(std::vector<std::byte>(100, std::byte{0xff}));
    CHECK(helper.end_of(guess) == 0);
  }
  Login login(helper.name());
  CHECK(helper.end_of(login) == 1);
  CHECK(login.words() ==
        "ginnel-helper cannot attach: too many have failed to; try in a "
        "minute\n");
}

TEST_CASE("attach: a failure is forgotten after a minute") {
  FailureLimit limit;
  FailureLimit::TimePoint now{};
  for (int i = 0; i < 9; ++i) limit.failed(now += 1s);
  CHECK_FALSE(limit.closed(now));
  limit.failed(now += 52s);  // the first is 60 s old
  CHECK_FALSE(limit.closed(now));
  limit.failed(now);
  CHECK(limit.closed(now));
  CHECK(limit.closed(now + 59s));
  CHECK_FALSE(limit.closed(now + 60s));
  for (int i = 0; i < 9; ++i) limit.failed(now + 61s);
  CHECK_FALSE(limit.closed(now + 61s));
}

TEST_CASE("attach: no more than 16 are waited for at once") {
  Fixture helper;
  std::vector<UniqueFd> idle;
  for (std::size_t i = 0; i < AttachListener::kMaxPending; ++i) {
    auto connected = connect_for_streams(helper.name());
    REQUIRE(connected.has_value());
    idle.push_back(*std::move(connected));
    helper.turn([&] { return running_tasks().size() == idle.size() + 1; });
  }
  {
    Login late(helper.name());
    CHECK(helper.end_of(late) == 1);
    CHECK(late.words().ends_with("too many attach at once\n"));
  }
  idle.pop_back();
  helper.turn([&] { return running_tasks().size() == idle.size() + 1; });
  Login login(helper.name());
  CHECK(helper.handshake(login, 2) == "");
}

TEST_CASE("attach: who proves nothing in time is let go") {
  Fixture helper(20ms);
  auto idle = connect_for_streams(helper.name());
  REQUIRE(idle.has_value());
  char byte;
  helper.turn([&] { return ::recv(idle->get(), &byte, 1, MSG_DONTWAIT) == 0; });
  Login silent(helper.name());
  CHECK(helper.end_of(silent) == 0);
  helper.turn([] { return running_tasks().size() == 1; });
}

TEST_CASE("attach: another user's helper is not given a login") {
  REQUIRE(::geteuid() == 0);
  Fixture helper;
  Login login(helper.name(), 65534);
  CHECK(helper.end_of(login) == 1);
  CHECK(login.words() ==
        "ginnel-helper cannot attach: the other end belongs to uid 0\n");
}

TEST_CASE("attach: another user is not let in") {
  REQUIRE(::geteuid() == 0);
  Fixture helper;
  pid_t child = ::fork();
  if (child == 0) ::_exit(is_turned_away(helper.name()) ? 0 : 1);
  std::optional<int> status;
  helper.turn([&] {
    int raw;
    if (::waitpid(child, &raw, WNOHANG) == child) status = raw;
    return status.has_value();
  });
  CHECK(*status == 0);
  CHECK(running_tasks().size() == 1);
}

TEST_CASE("attach: other users who knock without end do not keep it busy") {
  REQUIRE(::geteuid() == 0);
  Fixture helper;
  Knocker knocker(helper.name());
  auto until = std::chrono::steady_clock::now() + 1s;
  helper.turn([&] { return std::chrono::steady_clock::now() >= until; });
  CHECK(knocker.knocks() >= 16);
  // 16 each tenth of a second, and those that wait.
  CHECK(knocker.knocks() < 500);
}

TEST_CASE("attach: a helper that is gone is said so") {
  std::string name;
  {
    Fixture helper;
    name = helper.name();
  }
  Login login(name);
  Fixture other;
  CHECK(other.end_of(login) == 1);
  CHECK(login.words() ==
        "ginnel-helper cannot attach: reach the helper that runs: Connection "
        "refused\n");
  Login nonsense("ginnel-../../x");
  CHECK(other.end_of(nonsense) == 1);
}

TEST_CASE("attach: a login waits no longer than its helper lives") {
  Login* login = nullptr;
  {
    Fixture helper;
    login = new Login(helper.name());
    helper.turn([&] { return running_tasks().size() == 2; });
  }
  std::unique_ptr<Login> owner(login);
  Fixture other;
  other.end_of(*login);
}

TEST_CASE("attach: two descriptors, no more and no less") {
  CHECK(takes("attach", 2));
  CHECK_FALSE(takes("attach", 0));
  CHECK_FALSE(takes("attach", 1));
  CHECK_FALSE(takes("attach", 3));
  CHECK_FALSE(takes("attach", 16));
  CHECK_FALSE(takes("attac", 2));
  CHECK_FALSE(takes("attach!", 2));
  CHECK_FALSE(takes("detach", 2));
}

}  // namespace ginnel
