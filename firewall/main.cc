// SPDX-License-Identifier: GPL-3.0-or-later
// ginnel-firewall: the part of ginnel that runs as root. A blocking loop: read
// a request, check it, carry it out, answer; when the client's socket closes,
// or sends what it should not, or the guard is killed, undo everything and end.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "base/unix_socket.h"
#include "firewall/guard.h"
#include "firewall/hosts_block.h"
#include "firewall/note.h"
#include "firewall/service.h"
#include "firewall/startup.h"
#include "firewall/wire.h"

namespace ginnel::firewall {
namespace {

// sshuttle's exit statuses.
constexpr int kFatal = 99;
constexpr int kUsage = 2;

constexpr char kUsageText[] =
    "usage: ginnel-firewall [--no-owner-flag] --fd NUMBER | --connect PATH\n"
    "ginnel starts this program; it is of no use by hand.";

struct Arguments {
  int fd = -1;
  std::string path;
  Ownership ownership = Ownership::kOwned;
};

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    std::string_view option = argv[i];
    if (option == "--no-owner-flag") {
      arguments.ownership = Ownership::kPlain;
      continue;
    }
    if (++i == argc) return std::nullopt;
    const char* value = argv[i];
    const char* end = value + std::strlen(value);
    if (option == "--connect") {
      arguments.path = value;
    } else if (option == "--fd") {
      auto [stop, error] = std::from_chars(value, end, arguments.fd);
      if (error != std::errc() || stop != end) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  bool exactly_one = (arguments.fd < 0) != arguments.path.empty();
  return exactly_one ? std::optional(std::move(arguments)) : std::nullopt;
}

Result<Service::Reply> answer_to(Bytes message, Service& service) {
  Result<Request> request = decode_request(message);
  if (!request) return request.error();
  return service.handle(*request);
}

// Waits for nobody: the client may be gone, or not read. Then the log has to
// do.
void say(int client, const Error& error) {
  log::error(error.message());
  auto message = encode(Answer(answer::Failed{error.message()}));
  (void)::send(client, message.data(), message.size(),
               MSG_DONTWAIT | MSG_NOSIGNAL);
}

// Until the client has something to say, or ends; an error: no guard any more.
Result<void> wait_for_client(int client, int guard) {
  pollfd waits[] = {{client, POLLIN, 0}, {guard, 0, 0}};
  while (::poll(waits, 2, -1) < 0) {
    if (errno != EINTR) return Error::from_errno(errno, "wait for ginnel");
  }
  if (waits[1].revents != 0) return Error("its guard was killed");
  return {};
}

// Until the client ends; an error if it broke the rules, or the guard is gone.
Result<void> serve(int client, Service& service) {
  for (;;) {
    Result<void> waited = wait_for_client(client, service.watched_guard());
    if (!waited) return waited;
    Result<std::optional<Message>> message =
        receive_message(client, kMaxMessage, Passing::kRefuse);
    if (!message) return message.error();
    if (!*message) return {};
    Result<Service::Reply> reply = answer_to((*message)->bytes, service);
    if (!reply) return reply.error();
    Result<void> sent =
        send_message(client, encode(reply->answer), reply->passed.get());
    if (!sent) return {};
  }
}

int run(UniqueFd client, Ownership ownership) {
  Result<void> detached = detach(client);
  if (!detached) {
    say(client.get(), detached.error());
    return kFatal;
  }
  Result<Guard> guard = Guard::start();
  if (!guard) {
    say(client.get(), guard.error());
    return kFatal;
  }
  repair_stale_notes();
  remove_stale_hosts_blocks();
  Service service(std::move(*guard), ownership);
  Result<void> served = serve(client.get(), service);
  // Before anything is said: nobody who listens badly may keep the rules.
  Result<void> undone = service.undo();
  if (!served) say(client.get(), served.error().in("ginnel-firewall ends"));
  if (!undone) say(client.get(), undone.error().in("undo"));
  return served && undone ? 0 : kFatal;
}

int main(int argc, char** argv) {
  fill_standard_streams();
  std::optional<Arguments> arguments = parse(argc, argv);
  if (!arguments) {
    log::error(kUsageText);
    return kUsage;
  }
  if (::geteuid() != 0) {
    log::error("ginnel-firewall: must run as root; start ginnel instead");
    return kFatal;
  }
  if (arguments->fd < 0) {
    return run(connect_back(arguments->path), arguments->ownership);
  }
  Result<UniqueFd> client = inherited_socket(arguments->fd);
  if (!client) {
    log::error("ginnel-firewall: ", client.error().message());
    return kUsage;
  }
  return run(std::move(*client), arguments->ownership);
}

}  // namespace
}  // namespace ginnel::firewall

int main(int argc, char** argv) { return ginnel::firewall::main(argc, argv); }
