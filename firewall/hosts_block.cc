// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/hosts_block.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "base/log.h"
#include "base/strings.h"
#include "firewall/hosts_edit.h"
#include "names/dns_name.h"
#include "names/host_name.h"

namespace ginnel::firewall {
namespace {

// When the process began, in clock ticks after boot; nothing when there is no
// such process, or nothing but what its parent has not read yet.
std::optional<std::uint64_t> start_of(const std::string& process) {
  std::ifstream file(concat("/proc/", process, "/stat"));
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  // "PID (NAME) STATE PPID ...", and the name may hold anything.
  std::istringstream rest(text.substr(text.rfind(')') + 1));
  std::string state, skipped;
  rest >> state;
  // proc(5): starttime is field 22, the state field 3.
  for (int field = 4; field < 22; ++field) rest >> skipped;
  std::uint64_t start = 0;
  if (!(rest >> start) || state == "Z" || state == "X") return std::nullopt;
  return start;
}

Result<BlockOwner> this_process() {
  BlockOwner owner;
  owner.process = ::getpid();
  std::ifstream boot("/proc/sys/kernel/random/boot_id");
  struct stat pids {};
  std::optional<std::uint64_t> start = start_of("self");
  if (!start || !std::getline(boot, owner.boot) ||
      ::stat("/proc/self/ns/pid", &pids) < 0) {
    return Error("/proc does not tell about this process; is it mounted?");
  }
  owner.start = *start;
  owner.pid_namespace = pids.st_ino;
  owner.boot.resize(8);
  return owner;
}

// Whether the run that wrote a block has ended, told by the process `here`.
bool has_ended(const std::string& name, const BlockOwner& here) {
  std::optional<BlockOwner> owner = parse_block_owner(name);
  if (!owner) return false;
  if (owner->boot != here.boot) return true;
  if (owner->pid_namespace != here.pid_namespace) return false;
  return start_of(std::to_string(owner->process)) != owner->start;
}

// What stands for this machine itself wherever it is asked for, and this
// machine's own name: the far end must not say where they are.
bool is_reserved(std::string_view name, std::string_view own) {
  static constexpr std::array<std::string_view, 4> kOurselves = {
      "localhost", "ip6-localhost", "ip6-loopback", "broadcasthost"};
  std::string_view first = name.substr(0, name.find('.'));
  std::string_view last = name.substr(name.rfind('.') + 1);
  return name == own || name == own.substr(0, own.find('.')) ||
         last == kOurselves.front() ||
         std::find(kOurselves.begin(), kOurselves.end(), first) !=
             kOurselves.end();
}

std::string own_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return dns::lower_case(name);
}

Result<void> check(std::span<const Host> hosts) {
  if (hosts.size() > kMaxHosts) {
    return Error(concat("more than ", kMaxHosts, " names for the hosts file"));
  }
  std::string own = own_name();
  for (const Host& host : hosts) {
    if (!is_strict_host_name(host.name)) {
      return Error(concat("\"", printable(host.name), "\" is no host name"));
    }
    if (is_reserved(dns::lower_case(host.name), own)) {
      return Error(concat("\"", host.name, "\" is this machine itself"));
    }
  }
  return {};
}

Result<void> remove_blocks(const HostsPlace& place, const OwnerTest& doomed) {
  Result<void> changed = change_hosts(place, [&](std::string_view text) {
    return without_blocks(text, doomed);
  });
  if (changed) return changed;
  // It may have been that way when the block was to be put in.
  Result<std::string> text = read_hosts(place);
  bool there = text && without_blocks(*text, doomed) != *text;
  return there ? changed : Result<void>();
}

}  // namespace

Result<HostsBlock> HostsBlock::of_this_process(HostsPlace place) {
  Result<BlockOwner> owner = this_process();
  if (!owner) return owner.error();
  return HostsBlock(to_string(*owner), std::move(place));
}

Result<void> HostsBlock::set(std::span<const Host> hosts) const {
  Result<void> checked = check(hosts);
  if (!checked) return checked;
  OwnerTest ours = [this](const std::string& name) { return name == name_; };
  if (hosts.empty()) return remove_blocks(place_, ours);
  return change_hosts(place_, [&](std::string_view text) {
    return with_block(without_blocks(text, ours), name_, hosts);
  });
}

bool is_this_machine(const std::string& host_name) {
  return is_reserved(dns::lower_case(host_name), own_name());
}

bool is_hosts_block(const std::string& name) {
  return parse_block_owner(name).has_value();
}

Result<void> remove_hosts_block(const std::string& name,
                                const HostsPlace& place) {
  return remove_blocks(place,
                       [&](const std::string& each) { return each == name; });
}

void remove_stale_hosts_blocks(const HostsPlace& place) {
  Result<BlockOwner> here = this_process();
  std::set<std::string> stale;
  Result<void> removed = here ? Result<void>() : here.error();
  if (here) {
    removed = remove_blocks(place, [&](const std::string& name) {
      bool ended = has_ended(name, *here);
      if (ended) stale.insert(name);
      return ended;
    });
  }
  if (!removed) {
    log::warning("left over from a run that was killed: ",
                 removed.error().message());
    return;
  }
  for (const std::string& name : stale) {
    log::info("repaired what a killed run left over: block ", name, " of ",
              place.file);
  }
}

}  // namespace ginnel::firewall
