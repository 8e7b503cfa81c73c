// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/helper/lan.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "base/strings.h"

namespace ginnel {
namespace {

UniqueFd own_namespace() {
  return UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

void enter(const UniqueFd& network) {
  REQUIRE(::setns(network.get(), CLONE_NEWNET) == 0);
}

[[noreturn]] void become(const std::string& command, int network, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  bool made =
      ::setns(network, CLONE_NEWNET) == 0 && ::unshare(CLONE_NEWNS) == 0 &&
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
      ::mount("tmpfs", "/run", "tmpfs", 0, "mode=755") == 0;
  if (!made) ::_exit(99);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
  ::_exit(99);
}

// What comes from `output` until `sign` does, for a minute at most: nmbd takes
// 23 s to become a master.
std::string read_until(int output, const std::string& sign) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::string text;
  while (text.find(sign) == std::string::npos &&
         std::chrono::steady_clock::now() < end) {
    pollfd wait{output, POLLIN, 0};
    if (::poll(&wait, 1, 100) <= 0) continue;
    char part[4096];
    ssize_t size = ::read(output, part, sizeof part);
    if (size <= 0) break;
    text.append(part, static_cast<std::size_t>(size));
  }
  return text;
}

}  // namespace

Lan::Lan() : near_(own_namespace()) {
  REQUIRE(::unshare(CLONE_NEWNET) == 0);
  far_ = own_namespace();
  enter(near_);
  shell(concat("ip link add lan0 type veth peer name eth0 netns /proc/",
               ::getpid(), "/fd/", far_.get(),
               "\nip link set lan0 up\nip addr add 10.1.0.5/16 brd + dev lan0\n"
               "ip addr add 2001:db8:1::5/64 dev lan0 nodad"));
  there(
      "ip link set lo up\nip link set eth0 up\n"
      "ip addr add 10.1.0.9/16 brd + dev eth0\n"
      "ip addr add 2001:db8:1::9/64 dev eth0 nodad");
}

Lan::~Lan() {
  for (pid_t program : programs_) {
    ::kill(program, SIGKILL);
    ::waitpid(program, nullptr, 0);
  }
}

std::string Lan::there(const std::string& command) {
  enter(far_);
  std::string text = shell(command);
  enter(near_);
  return text;
}

void Lan::start(const std::string& command, const std::string& sign) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  UniqueFd output(ends[0]), input(ends[1]);
  pid_t program = ::fork();
  REQUIRE(program >= 0);
  if (program == 0) become(command, far_.get(), input.get());
  programs_.push_back(program);
  input.reset();
  std::string said = read_until(output.get(), sign);
  CAPTURE(said);
  REQUIRE(said.find(sign) != std::string::npos);
  outputs_.push_back(std::move(output));
}

void Lan::introduce(const std::string& address) {
  std::string link = there("ip -br link show eth0 | awk '{print $3}'");
  shell(concat("ip neigh replace ", address, " nud permanent dev lan0 lladdr ",
               link));
}

void Lan::start_avahi(const std::string& name, const std::string& service) {
  start(concat("printf '[server]\\nhost-name=", name,
               "\\nenable-dbus=no\\n[publish]\\npublish-workstation=", service,
               "\\n' >/run/avahi.conf; mkdir /run/avahi-daemon;"
               " exec avahi-daemon --no-drop-root --no-chroot --no-rlimits"
               " --file /run/avahi.conf"),
        "Server startup complete");
}

void Lan::start_nmbd(const std::string& name, const std::string& master) {
  start(concat("mkdir /run/samba; printf '[global]\\nnetbios name = ", name,
               "\\nlocal master = ", master, "\\npreferred master = ", master,
               "\\nos level = 65\\n'"
               " >/run/smb.conf; for dir in lock state cache pid private; do"
               " echo \"$dir directory = /run/samba\" >>/run/smb.conf; done;"
               " exec nmbd --foreground --no-process-group --debug-stdout"
               " --configfile=/run/smb.conf --debuglevel=3"),
        master == "yes"
            ? "is now a local master browser"
            : concat(name, "<00> with first IP 10.1.0.9 ttl=0 nb_flags= 0 to",
                     " subnet 10.1.0.9"));
}

}  // namespace ginnel
