// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/resolver_link.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

constexpr char kTunDevice[] = "/dev/net/tun";
// The kernel puts the first free number.
constexpr char kLinkName[] = "ginnel%d";
// The IPv4 dummy address (RFC 7600).
constexpr char kLinkAddress[] = "192.0.0.8";

constexpr char kService[] = "org.freedesktop.resolve1";
constexpr char kManagerPath[] = "/org/freedesktop/resolve1";
constexpr char kManager[] = "org.freedesktop.resolve1.Manager";
constexpr char kLink[] = "org.freedesktop.resolve1.Link";
constexpr char kNoSuchLink[] = "org.freedesktop.resolve1.NoSuchLink";

// For all of it, since our client waits. resolved answers within a millisecond,
// and learns of links by itself.
constexpr std::chrono::seconds kPatience(3);
constexpr std::chrono::milliseconds kLinkPause(5);

// --- the link ---------------------------------------------------------------

Result<UniqueFd> open_tun(ifreq& request) {
  UniqueFd device(::open(kTunDevice, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!device) return Error::from_errno(errno, concat("open ", kTunDevice));
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, kLinkName, IFNAMSIZ - 1);
  if (::ioctl(device.get(), TUNSETIFF, &request) < 0) {
    return Error::from_errno(errno, "make a TUN link");
  }
  return device;
}

// Gives it its address (a /32, since TUN links are point-to-point) and sets it
// up.
Result<void> bring_up(ifreq request) {
  UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  SocketAddress address(Endpoint(*IpAddress::parse(kLinkAddress), 0));
  std::memcpy(&request.ifr_addr, address.get(), sizeof request.ifr_addr);
  if (::ioctl(any.get(), SIOCSIFADDR, &request) < 0) {
    return Error::from_errno(errno,
                             concat("give ", request.ifr_name, " an address"));
  }
  if (::ioctl(any.get(), SIOCGIFFLAGS, &request) < 0) {
    return Error::from_errno(errno, concat("look at ", request.ifr_name));
  }
  request.ifr_flags |= IFF_UP;
  if (::ioctl(any.get(), SIOCSIFFLAGS, &request) < 0) {
    return Error::from_errno(errno, concat("set ", request.ifr_name, " up"));
  }
  return {};
}

Result<UniqueFd> open_link() {
  ifreq request{};
  Result<UniqueFd> device = open_tun(request);
  if (!device) return device;
  Result<void> up = bring_up(request);
  return up ? std::move(device) : up.error();
}

Result<int> index_of(const UniqueFd& device) {
  ifreq request{};
  if (::ioctl(device.get(), TUNGETIFF, &request) < 0) {
    return Error::from_errno(errno, "ask for the name of the TUN link");
  }
  unsigned index = ::if_nametoindex(request.ifr_name);
  if (index == 0) {
    return Error::from_errno(errno, concat("look for ", request.ifr_name));
  }
  return static_cast<int>(index);
}

// --- D-Bus ------------------------------------------------------------------

using Bus = std::unique_ptr<sd_bus, decltype(&sd_bus_close_unref)>;
using BusMessage =
    std::unique_ptr<sd_bus_message, decltype(&sd_bus_message_unref)>;

class BusError {
 public:
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  ~BusError() { sd_bus_error_free(&error_); }
  sd_bus_error* get() { return &error_; }
  bool is(const char* name) const {
    return sd_bus_error_has_name(&error_, name) > 0;
  }
  // In one sentence, about resolved.
  Error sentence(int result, const char* method) const {
    if (is(SD_BUS_ERROR_SERVICE_UNKNOWN) ||
        is(SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
      return Error("systemd-resolved does not run");
    }
    if (!error_.message) {
      return Error::from_errno(-result,
                               concat("ask systemd-resolved for ", method));
    }
    return Error(concat("systemd-resolved refuses ", method, ": ",
                        printable(error_.message)));
  }

 private:
  sd_bus_error error_ = SD_BUS_ERROR_NULL;
};

using TimePoint = std::chrono::steady_clock::time_point;

// For sd-bus, where 0 is its own limit of 25 s.
std::uint64_t microseconds_until(TimePoint deadline) {
  auto left = std::chrono::duration_cast<std::chrono::microseconds>(
      deadline - std::chrono::steady_clock::now());
  return static_cast<std::uint64_t>(std::max<std::int64_t>(1, left.count()));
}

// Each turn is one step of the greeting; 1 when it is over.
int greet(sd_bus* bus, TimePoint deadline) {
  int result = sd_bus_is_ready(bus);
  while (result == 0) {
    if (std::chrono::steady_clock::now() >= deadline) return -ETIMEDOUT;
    result = sd_bus_process(bus, nullptr);
    if (result == 0) result = sd_bus_wait(bus, microseconds_until(deadline));
    if (result >= 0) result = sd_bus_is_ready(bus);
  }
  return result;
}

Result<Bus> open_bus(TimePoint deadline) {
  sd_bus* opened = nullptr;
  int result = sd_bus_open_system(&opened);
  // Without a last flush, which waits for as long as the bus takes nothing.
  Bus bus(opened, sd_bus_close_unref);
  if (result >= 0) result = greet(opened, deadline);
  if (result < 0) {
    return Error::from_errno(-result,
                             "no way to systemd-resolved, for want of D-Bus");
  }
  return bus;
}

// Appends a method's arguments; negative when it cannot.
using Arguments = std::function<int(sd_bus_message*)>;

// Calls a method of the manager, and again while resolved does not know the
// link yet.
Result<BusMessage> call(sd_bus* bus, TimePoint deadline, const char* method,
                        const Arguments& arguments) {
  for (;;) {
    sd_bus_message* request = nullptr;
    int result = sd_bus_message_new_method_call(bus, &request, kService,
                                                kManagerPath, kManager, method);
    BusMessage owned(request, sd_bus_message_unref);
    // One that is installed but does not run is not this machine's resolver.
    if (result >= 0) result = sd_bus_message_set_auto_start(request, 0);
    if (result >= 0) result = arguments(request);
    sd_bus_message* answer = nullptr;
    BusError error;
    if (result >= 0) {
      result = sd_bus_call(bus, request, microseconds_until(deadline),
                           error.get(), &answer);
    }
    if (result >= 0) return BusMessage(answer, sd_bus_message_unref);
    if (!error.is(kNoSuchLink) ||
        std::chrono::steady_clock::now() >= deadline) {
      return error.sentence(result, method);
    }
    std::this_thread::sleep_for(kLinkPause);
  }
}

// resolved, asked about one link.
class Resolved {
 public:
  static Result<Resolved> about(int link) {
    TimePoint deadline = std::chrono::steady_clock::now() + kPatience;
    Result<Bus> bus = open_bus(deadline);
    if (!bus) return bus.error();
    return Resolved(std::move(*bus), link, deadline);
  }

  // None of what works without, or not with, a server of ours: it has no
  // certificate, signs nothing, and nobody is asked on this link but it.
  Result<void> set_plain() {
    for (const char* method : {"SetLinkLLMNR", "SetLinkMulticastDNS",
                               "SetLinkDNSSEC", "SetLinkDNSOverTLS"}) {
      Result<void> set = tell(method, [&](sd_bus_message* request) {
        return sd_bus_message_append(request, "s", "no");
      });
      if (!set) return set;
    }
    return tell("SetLinkDefaultRoute", [](sd_bus_message* request) {
      return sd_bus_message_append(request, "b", 0);
    });
  }

  Result<void> set_server(const Endpoint& server) {
    return tell("SetLinkDNSEx", [&](sd_bus_message* request) {
      const IpAddress& address = server.address;
      int result = sd_bus_message_open_container(request, 'a', "(iayqs)");
      if (result < 0) return result;
      result = sd_bus_message_open_container(request, 'r', "iayqs");
      if (result < 0) return result;
      result = sd_bus_message_append(request, "i", address.address_family());
      if (result < 0) return result;
      result = sd_bus_message_append_array(request, 'y', address.data(),
                                           address.size());
      if (result < 0) return result;
      result = sd_bus_message_append(request, "qs", server.port, "");
      if (result < 0) return result;
      result = sd_bus_message_close_container(request);
      if (result < 0) return result;
      return sd_bus_message_close_container(request);
    });
  }

  // As routing domains: nothing is completed with them.
  Result<void> set_domains(std::span<const std::string> domains) {
    return tell("SetLinkDomains", [&](sd_bus_message* request) {
      int result = sd_bus_message_open_container(request, 'a', "(sb)");
      for (const std::string& domain : domains) {
        if (result < 0) return result;
        result = sd_bus_message_append(request, "(sb)", domain.c_str(), 1);
      }
      if (result < 0) return result;
      return sd_bus_message_close_container(request);
    });
  }

  // Until look-ups are really sent there: resolved has to see the link's
  // address first.
  Result<void> wait_for_scope() {
    Result<BusMessage> answer = call(bus_.get(), deadline_, "GetLink", index());
    if (!answer) return answer.error();
    const char* path = nullptr;
    int result = sd_bus_message_read(answer->get(), "o", &path);
    if (result < 0) return Error::from_errno(-result, "read GetLink's answer");
    while (std::chrono::steady_clock::now() < deadline_) {
      sd_bus_set_method_call_timeout(bus_.get(), microseconds_until(deadline_));
      std::uint64_t scopes = 0;
      BusError error;
      result =
          sd_bus_get_property_trivial(bus_.get(), kService, path, kLink,
                                      "ScopesMask", error.get(), 't', &scopes);
      if (result < 0) return error.sentence(result, "ScopesMask");
      if ((scopes & kDnsScope) != 0) return {};
      std::this_thread::sleep_for(kLinkPause);
    }
    return Error("systemd-resolved does not use the link made for it");
  }

 private:
  // SD_RESOLVED_DNS, in org.freedesktop.resolve1(5).
  static constexpr std::uint64_t kDnsScope = 1;

  Resolved(Bus bus, int link, TimePoint deadline)
      : bus_(std::move(bus)), link_(link), deadline_(deadline) {}

  Arguments index() const {
    return [link = link_](sd_bus_message* request) {
      return sd_bus_message_append(request, "i", link);
    };
  }

  Result<void> tell(const char* method, const Arguments& arguments) {
    Result<BusMessage> answer =
        call(bus_.get(), deadline_, method, [&](sd_bus_message* request) {
          int result = index()(request);
          return result < 0 ? result : arguments(request);
        });
    return answer ? Result<void>() : answer.error();
  }

  Bus bus_;
  int link_;
  TimePoint deadline_;  // of everything that is asked
};

Result<void> tell_resolved(int link, std::span<const std::string> domains,
                           const Endpoint& server) {
  Result<Resolved> resolved = Resolved::about(link);
  if (!resolved) return resolved.error();
  Result<void> told = resolved->set_plain();
  if (told) told = resolved->set_domains(domains);
  if (told) told = resolved->set_server(server);
  if (told) told = resolved->wait_for_scope();
  return told;
}

}  // namespace

Result<void> ResolverLink::set(std::span<const std::string> domains,
                               const Endpoint& server) {
  // Whatever goes wrong, nothing is left.
  UniqueFd device = std::move(device_);
  if (domains.empty()) return {};
  if (!device) {
    Result<UniqueFd> opened = open_link();
    if (!opened) return opened.error();
    device = std::move(*opened);
  }
  Result<int> link = index_of(device);
  if (!link) return link.error();
  Result<void> told = tell_resolved(*link, domains, server);
  if (told) device_ = std::move(device);
  return told;
}

}  // namespace ginnel::firewall
