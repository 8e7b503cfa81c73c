// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "base/net_types.h"
#include "base/unique_fd.h"
#include "resolve/name_servers.h"
#include "resolve/watched_file.h"

namespace ginnel {

// What all look-ups of this program share. One for each io_context: it is a
// service of the context.
class Resolver : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;

  // So many inquiries at once; more are turned away.
  static constexpr int kMaxInquiries = 1024;

  static Resolver& of(const asio::any_io_executor& executor);

  explicit Resolver(asio::io_context& context);

  // Reads these files instead of those in /etc, and asks at that port: tests.
  void use(std::string resolv_conf, std::string hosts,
           std::uint16_t port = NameServers::kPort);

  NameServers& servers() { return servers_; }
  const std::string& hosts_file() {
    return hosts_.text(std::chrono::steady_clock::now());
  }

  // A socket (SOCK_DGRAM or SOCK_STREAM) to ask a server from, which does not
  // block; none when there are no more.
  UniqueFd make_socket(Family family, int type) {
    return socket_maker_(family, type);
  }
  // Makes them otherwise than by socket(2); none: by it again.
  using SocketMaker = std::function<UniqueFd(Family family, int type)>;
  void use(SocketMaker maker);

  // An id that nobody can guess.
  std::uint16_t random_id();

  // A place among the inquiries, for as long as it lives.
  class Place {
   public:
    Place() = default;
    explicit Place(Resolver& resolver) : resolver_(&resolver) {
      ++resolver_->inquiries_;
    }
    Place(Place&& other) noexcept
        : resolver_(std::exchange(other.resolver_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (resolver_) --resolver_->inquiries_;
    }

   private:
    Resolver* resolver_ = nullptr;
  };
  bool is_full() const { return inquiries_ >= kMaxInquiries; }

 private:
  void shutdown() override {}

  NameServers servers_;
  WatchedFile hosts_;
  SocketMaker socket_maker_;
  int inquiries_ = 0;
  std::array<std::byte, 512> random_;
  std::size_t unused_random_ = 0;
};

}  // namespace ginnel
