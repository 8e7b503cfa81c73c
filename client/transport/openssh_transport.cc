// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/transport/openssh_transport.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/error.hpp>
#include <asio/system_error.hpp>
#include <cerrno>

#include "base/log.h"
#include "base/strings.h"
#include "client/transport/algorithms.h"
#include "client/transport/askpass.h"
#include "client/transport/dial.h"
#include "client/transport/pass_fd.h"
#include "client/transport/shell_quote.h"
#include "mux/fd_link.h"

namespace ginnel::transport {
namespace {

// What a person's configuration may hold for their own log-ins and a tunnel
// must not have. Each is passed only where this ssh knows the key (`-G` prints
// it), since older ones refuse what they do not know.
struct Override {
  const char* key;
  const char* setting;
};
constexpr std::array kOverrides{
    Override{"clearallforwardings", "ClearAllForwardings=yes"},
    Override{"sessiontype", "SessionType=default"},
    Override{"forkafterauthentication", "ForkAfterAuthentication=no"},
    Override{"stdinnull", "StdinNull=no"},
    Override{"remotecommand", "RemoteCommand=none"},
    Override{"requesttty", "RequestTTY=no"},
    Override{"forwardx11", "ForwardX11=no"},
    Override{"forwardagent", "ForwardAgent=no"},
};

// ssh's own ciphers, the one that is fastest here first; empty when the person
// chose.
std::string fast_ciphers(const SshConfig& config) {
  std::string list = config.value("ciphers");
  if (list.empty() || list != ssh_defaults().value("ciphers")) return {};
  return preferred_ciphers(list, processor_has_aes());
}

// More jumps than anyone has; ssh itself would go on for ever.
constexpr int kMaxJumps = 8;

struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
};

SocketPair socket_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Failure(Error::from_errno(errno, "socketpair").message());
  }
  SocketPair pair;
  pair.ours.reset(ends[0]);
  pair.theirs.reset(ends[1]);
  return pair;
}

bool owns_socket(const SshConfig& config, const SshOptions& options) {
  if (!options.ssh_command.empty()) return false;
  for (const char* key :
       {"proxycommand", "proxyjump", "bindaddress", "bindinterface"}) {
    if (config.is_set(key)) return false;
  }
  return true;
}

std::string own_program() {
  std::array<char, 4096> path{};
  ssize_t size = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (size <= 0) throw Failure("cannot find this program's own file");
  return {path.data(), static_cast<std::size_t>(size)};
}

// This program, for ssh's ProxyCommand, which a shell reads.
std::string pass_fd_command() {
  std::string command;
  // % begins a token for ssh.
  for (char c : shell_quoted(own_program())) {
    command += c == '%' ? "%%" : std::string(1, c);
  }
  return concat(command, " ", kPassFdFlag);
}

// The first hop of "[user@]host[:port],..." or "ssh://[user@]host[:port]".
SshOptions first_jump(std::string jump, const std::string& config_file) {
  jump = jump.substr(0, jump.find(','));
  if (jump.starts_with("ssh://")) jump.erase(0, 6);
  jump.erase(0, jump.find_last_of('@') + 1);
  SshOptions hop;
  hop.config_file = config_file;
  std::size_t colon = jump.rfind(':');
  bool bare_ipv6 = !jump.starts_with('[') && jump.find(':') != colon;
  if (colon != jump.npos && !bare_ipv6 && jump.back() != ']') {
    hop.port = parse_port(std::string_view(jump).substr(colon + 1));
    jump.erase(colon);
  }
  if (jump.starts_with('[') && jump.ends_with(']')) {
    jump = jump.substr(1, jump.size() - 2);
  }
  hop.host = jump;
  return hop;
}

// ssh's end, as the one sentence that it is.
class SshEnded : public asio::system_error {
 public:
  explicit SshEnded(std::string sentence)
      : system_error(asio::error::connection_reset),
        sentence_(std::move(sentence)) {}
  const char* what() const noexcept override { return sentence_.c_str(); }

 private:
  std::string sentence_;
};

// The link's bytes, with the program's end told as what it was.
class ChildLink : public mux::FdLink {
 public:
  ChildLink(asio::any_io_executor executor, UniqueFd input, UniqueFd output,
            std::shared_ptr<SshChild> child)
      : FdLink(executor, std::move(input), std::move(output)),
        child_(std::move(child)) {}
  ~ChildLink() override { child_->terminate(); }

  awaitable<Bytes> read() override {
    bool end = false;
    Bytes bytes;
    try {
      bytes = co_await FdLink::read();
      end = bytes.empty();
    } catch (const asio::system_error& error) {
      // A reset: ssh ended with bytes of ours unread.
      if (error.code() != std::errc::connection_reset) throw;
      end = true;
    }
    if (end) {
      auto status = co_await child_->await_exit();
      if (child_->terminating()) {
        throw asio::system_error(asio::error::operation_aborted);
      }
      if (status) check(*status);
    }
    co_return bytes;
  }

  void close() override {
    FdLink::close();
    child_->terminate();
  }

 private:
  // ssh exits with 255 for errors of its own, else as the far command did.
  void check(int status) const {
    if (WIFEXITED(status) && WEXITSTATUS(status) != 255) {
      log::debug("ssh ", describe_status(status));
      return;
    }
    throw SshEnded(child_->take_last_words(status));
  }

  std::shared_ptr<SshChild> child_;
};

}  // namespace

std::vector<Endpoint> first_hop_of(const SshConfig& config,
                                   const SshOptions& options) {
  SshConfig hop = config;
  for (int i = 0; hop.is_set("proxyjump"); ++i) {
    if (i == kMaxJumps) throw Failure("ProxyJump goes round in circles");
    auto next = resolve_ssh_config(
        first_jump(hop.value("proxyjump"), options.config_file));
    if (!next) throw Failure(next.error().message());
    hop = std::move(*next);
  }
  bool guessed = hop.is_set("proxycommand") || !options.ssh_command.empty();
  try {
    return resolve_host(hop.hostname(), hop.port(), hop.value("addressfamily"));
  } catch (const Failure& failure) {
    if (!guessed) throw;
    log::warning(failure.what(),
                 ": where the ssh command connects to is not known; if a "
                 "captured network holds it, exclude it with -x");
    return {};
  }
}

OpensshTransport::OpensshTransport(asio::any_io_executor executor,
                                   SshConfig config, SshOptions options,
                                   SocketFactory make_socket,
                                   LineSink stderr_line)
    : executor_(executor),
      config_(std::move(config)),
      options_(std::move(options)),
      make_socket_(std::move(make_socket)),
      stderr_line_(std::move(stderr_line)),
      own_socket_(owns_socket(config_, options_)) {}

std::unique_ptr<Transport> OpensshTransport::open(
    asio::any_io_executor executor, SshConfig config, SshOptions options,
    SocketFactory make_socket, LineSink stderr_line) {
  std::unique_ptr<OpensshTransport> made(
      new OpensshTransport(executor, std::move(config), std::move(options),
                           std::move(make_socket), std::move(stderr_line)));
  if (made->options_.ssh_command.empty()) {
    made->ciphers_ = fast_ciphers(made->config_);
  }
  if (!made->own_socket_) {
    made->first_hop_ = first_hop_of(made->config_, made->options_);
  }
  return made;
}

OpensshTransport::~OpensshTransport() { close(); }

std::vector<std::string> OpensshTransport::arguments(
    const std::string& command) const {
  std::vector<std::string> words = options_.ssh_command;
  const bool own_command = !words.empty();
  if (!own_command) {
    words = {"ssh", "-T", "-S", "none"};
    for (const Override& row : kOverrides) {
      if (!config_.has(row.key)) continue;
      words.insert(words.end(), {"-o", row.setting});
    }
  }
  if (!own_command && options_.password) {
    // A wrong one is wrong the second time too.
    words.insert(words.end(), {"-o", "NumberOfPasswordPrompts=1"});
  }
  if (!own_command && !ciphers_.empty()) {
    words.insert(words.end(), {"-o", "Ciphers=" + ciphers_});
  }
  if (own_socket_) {
    words.insert(words.end(), {"-o", "ProxyCommand=" + pass_fd_command(), "-o",
                               "ProxyUseFdpass=yes"});
  }
  for (std::string& word : ssh_arguments(options_)) {
    words.push_back(std::move(word));
  }
  if (own_command) {
    // As sshuttle calls it: CMD [-p port] host -- command.
    words.insert(words.end(), {options_.host, "--", command});
  } else {
    words.insert(words.end(), {"--", options_.host, command});
  }
  return words;
}

awaitable<std::unique_ptr<mux::Link>> OpensshTransport::exec(
    std::string command) {
  UniqueFd socket;
  if (own_socket_) {
    Dialed dialed = co_await dial(config_, make_socket_);
    socket = std::move(dialed.socket);
    peer_ = dialed.peer;
  }
  co_return start(command, std::move(socket));
}

std::unique_ptr<mux::Link> OpensshTransport::start(const std::string& command,
                                                   UniqueFd socket) {
  SocketPair data = socket_pair();
  SocketPair errors = socket_pair();
  if (socket) {
    auto sent = send_fd(errors.ours.get(), socket.get());
    if (!sent) throw Failure(sent.error().message());
  }
  Child::Stdio stdio;
  stdio.in = data.theirs.get();
  stdio.out = data.theirs.get();
  stdio.err = errors.theirs.get();
  auto environment = askpass_environment(config_, options_, own_program());
  auto child = Child::start(arguments(command), stdio, environment);
  if (!child) throw Failure(child.error().message());

  auto running = std::make_shared<SshChild>(
      executor_, std::move(*child), std::move(errors.ours), stderr_line_);
  running->watch();
  children_.push_back(running);
  UniqueFd output(dup(data.ours.get()));
  if (!output) throw Failure("out of descriptors");
  return std::make_unique<ChildLink>(executor_, std::move(data.ours),
                                     std::move(output), std::move(running));
}

void OpensshTransport::close() {
  for (const std::weak_ptr<SshChild>& child : children_) {
    if (auto running = child.lock()) running->terminate();
  }
  children_.clear();
}

}  // namespace ginnel::transport
