// SPDX-License-Identifier: GPL-3.0-or-later
// resolver_driver PROGRAM ANSWER DOMAIN...: has ginnel-firewall, which is
// PROGRAM, send this machine's look-ups of these domains to it, and answers
// them: each name has the address ANSWER. Says "ready", or why not; a line on
// its input is other domains in their place. Ends when the input does, or the
// firewall.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "base/strings.h"
#include "client/firewall_proxy.h"
#include "names/dns_build.h"

namespace ginnel {
namespace {

constexpr int kFatal = 99;

int fail(const Error& error) {
  std::cout << error.message() << std::endl;
  return kFatal;
}

void answer_one(int socket, const IpAddress& address) {
  std::byte room[4096];
  SocketAddress asker;
  ssize_t size =
      ::recvfrom(socket, room, sizeof room, 0, asker.get(), &asker.size);
  if (size < static_cast<ssize_t>(dns::kHeaderSize)) return;
  std::vector<std::byte> reply = dns::reply_with_addresses(
      Bytes(room, size), std::vector{address}, std::chrono::seconds(0));
  (void)::sendto(socket, reply.data(), reply.size(), 0, asker.get(),
                 asker.size);
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream text(line);
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word);
  return words;
}

Result<void> tell(FirewallProxy& firewall, const Endpoint& endpoint,
                  const std::vector<std::string>& domains) {
  Result<void> told = firewall.set_resolver(domains, endpoint);
  if (told) told = firewall.install();
  if (told) std::cout << "ready" << std::endl;
  return told;
}

int serve(FirewallProxy& firewall, const FirewallProxy::Listener& listener,
          const IpAddress& address) {
  for (;;) {
    pollfd waits[] = {{listener.socket.get(), POLLIN, 0},
                      {STDIN_FILENO, POLLIN, 0},
                      {firewall.fd(), POLLIN, 0}};
    if (::poll(waits, 3, -1) < 0) return kFatal;
    if (waits[0].revents != 0) answer_one(listener.socket.get(), address);
    if (waits[2].revents != 0) return fail(Error("the firewall has ended"));
    if (waits[1].revents == 0) continue;
    std::string line;
    if (!std::getline(std::cin, line)) return 0;
    Result<void> told = tell(firewall, listener.endpoint, words_of(line));
    if (!told) return fail(told.error());
  }
}

int run(const std::string& program, const IpAddress& address,
        const std::vector<std::string>& domains) {
  FirewallProxy::Start start;
  start.program = program;
  Result<FirewallProxy> firewall = FirewallProxy::start_as_root(start);
  if (!firewall) return fail(firewall.error());
  Endpoint loopback(IpAddress::loopback(Family::kIpv4), 0);
  auto captured = firewall->listen(loopback);
  if (!captured) return fail(captured.error());
  auto listener = firewall->listen(loopback, firewall::Purpose::kDnsUdp);
  if (!listener) return fail(listener.error());
  std::vector<firewall::Rule> rules;
  rules.emplace_back(Prefix(address, address.bits()), PortRange(0, 65535),
                     firewall::Action::kInclude);
  Result<void> told = firewall->add_rules(rules);
  if (told) told = tell(*firewall, listener->endpoint, domains);
  if (!told) return fail(told.error());
  int status = serve(*firewall, *listener, address);
  firewall->close();
  Result<void> undone = firewall->wait_undone();
  return undone || status != 0 ? status : fail(undone.error());
}

}  // namespace
}  // namespace ginnel

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  auto address = ginnel::IpAddress::parse(argv[2]);
  if (!address) return 2;
  return ginnel::run(argv[1], *address, {argv + 3, argv + argc});
}
