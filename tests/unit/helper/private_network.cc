// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/helper/private_network.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>

#include <cstdio>

namespace ginnel {
namespace {

UniqueFd own_namespace() {
  return UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

}  // namespace

PrivateNetwork::PrivateNetwork() : before_(own_namespace()) {
  REQUIRE(before_);
  REQUIRE_MESSAGE(::unshare(CLONE_NEWNET) == 0, "these tests need root");
  shell("ip link set lo up");
}

PrivateNetwork::~PrivateNetwork() { ::setns(before_.get(), CLONE_NEWNET); }

std::string shell(const std::string& command) {
  std::FILE* pipe = ::popen(("(" + command + "\n) 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char part[4096];
  std::size_t size;
  while ((size = std::fread(part, 1, sizeof part, pipe)) > 0) {
    text.append(part, size);
  }
  int status = ::pclose(pipe);
  CAPTURE(command);
  CAPTURE(text);
  REQUIRE(status == 0);
  return text;
}

}  // namespace ginnel
