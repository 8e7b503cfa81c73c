// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "client/capture.h"

namespace ginnel {
namespace {

// Reads pipes, too, since shells write `-s <(command)` so.
Result<std::string> read_file(const std::string& path) {
  std::string name = printable(path);
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return Error::from_errno(errno, concat("cannot open ", name));
  std::string text;
  char block[16384];
  for (;;) {
    ssize_t count = ::read(fd.get(), block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return Error::from_errno(errno, concat("cannot read ", name));
    if (count == 0) return text;
    text.append(block, static_cast<std::size_t>(count));
    if (text.size() > kMaxFileSize) {
      return Error(concat(name, " is longer than ", kMaxFileSize >> 20,
                          " MiB; is it the right file?"));
    }
  }
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

Result<std::vector<IpAddress>> resolve(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  int failure = getaddrinfo(name.c_str(), nullptr, &hints, &list);
  if (failure != 0) {
    const char* why =
        failure == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(failure);
    return Error(concat("cannot look up ", printable(name), " (", why,
                        "); check the name, or write its address"));
  }
  std::unique_ptr<addrinfo, FreeAddresses> owned(list);
  std::vector<IpAddress> addresses;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    SocketAddress raw;
    std::memcpy(&raw.storage, at->ai_addr, at->ai_addrlen);
    auto endpoint = raw.endpoint();
    if (endpoint) addresses.push_back(endpoint->address);
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()),
                  addresses.end());
  if (addresses.empty()) {
    return Error(concat("the name ", printable(name),
                        " has no address; check the name, or write its "
                        "address"));
  }
  return addresses;
}

std::optional<uid_t> find_user(const std::string& name) {
  const passwd* entry = getpwnam(name.c_str());
  return entry == nullptr ? std::nullopt : std::optional(entry->pw_uid);
}

std::optional<gid_t> find_group(const std::string& name) {
  const group* entry = getgrnam(name.c_str());
  return entry == nullptr ? std::nullopt : std::optional(entry->gr_gid);
}

bool interface_exists(const std::string& name) {
  return if_nametoindex(name.c_str()) != 0;
}

// By binding, which also knows of ip_nonlocal_bind. What else may fail is for
// the listener to say.
bool is_local(const IpAddress& address) {
  SocketAddress raw(Endpoint(address, 0));
  UniqueFd fd(
      ::socket(address.address_family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::bind(fd.get(), raw.get(), raw.size) == 0 || errno != EADDRNOTAVAIL;
}

}  // namespace

Lookups system_lookups() {
  return {read_file,  resolve,          find_user,
          find_group, interface_exists, is_local};
}

}  // namespace ginnel
