// SPDX-License-Identifier: GPL-3.0-or-later
// A WAN between two network namespaces, in user space, since many kernels
// have no netem: a TUN device `wan0` in each, and what goes into one comes out
// of the other as wan_line.h says. Says "up" once the devices are there; their
// addresses and routes are the caller's. On SIGTERM it tells on stdout, as
// JSON, what passed and what did not, and takes the devices away.
//
// It runs with real-time priority where it may, so that a busy machine does
// not add to its delays. While packets arrive it looks once in kTurn instead
// of waking for each.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstring>
#include <ctime>
#include <iostream>
#include <system_error>

#include "base/unique_fd.h"
#include "tests/bench/wan_line.h"

namespace ginnel::bench {
namespace {

constexpr Time kTurn = 200'000;

// Packets taken from a device in one go, so that what is due is never late
// for long.
constexpr int kBatch = 256;

volatile std::sig_atomic_t ended = 0;

Time clock_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

void check(bool succeeded, const std::string& what) {
  if (!succeeded) throw std::system_error(errno, std::generic_category(), what);
}

UniqueFd open_namespace(const std::string& path) {
  UniqueFd result(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  check(bool(result), path);
  return result;
}

UniqueFd make_tun(const std::string& network_namespace) {
  UniqueFd here = open_namespace("/proc/self/ns/net");
  UniqueFd there = open_namespace(network_namespace);
  check(setns(there.get(), CLONE_NEWNET) == 0, network_namespace);
  UniqueFd tun(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  check(bool(tun), "/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, "wan0", IFNAMSIZ - 1);
  check(ioctl(tun.get(), TUNSETIFF, &request) == 0, "wan0");
  check(setns(here.get(), CLONE_NEWNET) == 0, "setns");
  return tun;
}

struct Direction {
  int in;
  int out;
  Line line;
};

// Whether anything arrived.
bool collect(Direction& direction, Time now) {
  for (int i = 0; i < kBatch; ++i) {
    Line::Packet& packet = direction.line.incoming();
    ssize_t size = read(direction.in, packet.data.data(), packet.data.size());
    if (size <= 0) return i > 0;
    direction.line.accept(static_cast<std::size_t>(size), now);
  }
  return true;
}

void deliver(Direction& direction, Time now) {
  while (const Line::Packet* packet = direction.line.outgoing(now)) {
    // A device that is down or full loses packets, as any does.
    (void)!write(direction.out, packet->data.data(), packet->size);
    direction.line.pop();
  }
}

timespec to_timespec(Time time) { return {time / kSecond, time % kSecond}; }

void wait_turn() {
  timespec turn = to_timespec(kTurn);
  clock_nanosleep(CLOCK_MONOTONIC, 0, &turn, nullptr);
}

void wait_for_packets(const Direction& a, const Direction& b) {
  auto next = std::min(a.line.next_time().value_or(INT64_MAX),
                       b.line.next_time().value_or(INT64_MAX));
  timespec left = to_timespec(std::max<Time>(next - clock_now(), 0));
  pollfd fds[] = {{a.in, POLLIN, 0}, {b.in, POLLIN, 0}};
  ppoll(fds, 2, next == INT64_MAX ? nullptr : &left, nullptr);
}

void carry(Direction& a, Direction& b) {
  while (!ended) {
    Time now = clock_now();
    deliver(a, now);
    deliver(b, now);
    bool arrived = collect(a, now);
    arrived |= collect(b, now);
    if (arrived)
      wait_turn();
    else
      wait_for_packets(a, b);
  }
}

void tell(const char* name, const Line& line, const char* end) {
  const Line::Counts& counts = line.counts();
  std::cout << '"' << name << "\":{\"packets\":" << counts.packets
            << ",\"bytes\":" << counts.bytes
            << ",\"tail_dropped\":" << counts.tail_dropped
            << ",\"lost\":" << counts.lost
            << ",\"overflowed\":" << counts.overflowed
            << ",\"latest_us\":" << counts.latest / 1000 << '}' << end;
}

void be_prompt() {
  sched_param priority{};
  priority.sched_priority = 10;
  if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
    std::cerr << "wan: no real-time priority: " << std::strerror(errno) << '\n';
}

void run(const std::string& a, const std::string& b, LineOptions there,
         LineOptions back) {
  UniqueFd tun_a = make_tun(a);
  UniqueFd tun_b = make_tun(b);
  Time start = clock_now();
  Direction forth{tun_a.get(), tun_b.get(), Line(there, start)};
  Direction home{tun_b.get(), tun_a.get(), Line(back, start)};
  be_prompt();
  std::cout << "up" << std::endl;
  carry(forth, home);
  std::cout << '{';
  tell("there", forth.line, ",");
  tell("back", home.line, "}\n");
}

struct Arguments {
  std::string a;
  std::string b;
  std::string rate = "0";
  std::string rate_back;
  double rtt_ms = 0;
  double jitter_ms = 0;
  double loss_percent = 0;
  double queue_kib = 0;
  std::uint64_t seed = 1;
};

LineOptions line_options(const Arguments& arguments, const std::string& rate) {
  constexpr double kMillisecond = 1e6;
  LineOptions line;
  line.rate = RateSchedule(rate);
  line.delay = static_cast<Time>(arguments.rtt_ms / 2 * kMillisecond);
  line.jitter = static_cast<Time>(arguments.jitter_ms * kMillisecond);
  line.loss = arguments.loss_percent / 100;
  line.seed = arguments.seed;
  double queue = arguments.queue_kib * 1024;
  if (queue == 0) queue = line.rate.highest() / 8 * arguments.rtt_ms / 1000;
  constexpr double kLeast = 32.0 * Line::kMtu;
  line.queue = static_cast<std::size_t>(std::max(queue, kLeast));
  return line;
}

int parse_and_run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("A WAN between two network namespaces.", "wan");
  app.add_option("A", arguments.a, "as /proc/PID/ns/net")->required();
  app.add_option("B", arguments.b, "the other")->required();
  app.add_option("--rate", arguments.rate,
                 "bottleneck each way, Mbit/s: 100 or 100,50@5s,@10s "
                 "(@10s: from the start again); 0 for none");
  app.add_option("--rate-back", arguments.rate_back,
                 "the same from B to A; otherwise as --rate");
  app.add_option("--rtt", arguments.rtt_ms, "ms, half of it each way");
  app.add_option("--jitter", arguments.jitter_ms,
                 "ms: 0 to so much more each way, in order");
  app.add_option("--loss", arguments.loss_percent, "percent, each way");
  app.add_option("--queue", arguments.queue_kib,
                 "KiB before the bottleneck; one round trip at the highest "
                 "rate if not given");
  app.add_option("--seed", arguments.seed, "of losses and jitter");
  CLI11_PARSE(app, argc, argv);
  const std::string& back =
      arguments.rate_back.empty() ? arguments.rate : arguments.rate_back;
  LineOptions a_to_b = line_options(arguments, arguments.rate);
  LineOptions b_to_a = line_options(arguments, back);
  b_to_a.seed += 1000;
  run(arguments.a, arguments.b, a_to_b, b_to_a);
  return 0;
}

void on_signal(int) { ended = 1; }

}  // namespace
}  // namespace ginnel::bench

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = ginnel::bench::on_signal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  try {
    return ginnel::bench::parse_and_run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "wan: " << error.what() << '\n';
    return 1;
  }
}
