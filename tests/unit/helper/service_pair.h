// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "mux/connection.h"

namespace ginnel {

// The client's end of a stream to a service: sends its request, keeps all that
// comes back, and takes no more than it is allowed.
class Asker : public mux::StreamHandler {
 public:
  explicit Asker(std::vector<std::byte> request, bool finishes = false)
      : request_(std::move(request)), finishes_(finishes) {}

  // How many more bytes it takes; all, to begin with.
  void allow(std::size_t bytes);
  void reset();
  // After what was said before.
  void say(Bytes more);
  const std::vector<std::byte>& received() const { return received_; }
  const std::optional<mux::StreamEnd>& end() const { return end_; }

  ReadResult read(MutableBytes room) override;
  std::size_t write(Bytes bytes) override;
  void finish() override {}
  void ended(mux::StreamEnd end) override;

 private:
  friend class ServicePair;
  mux::Stream* stream_ = nullptr;
  std::vector<std::byte> request_;
  bool finishes_;  // its half, behind the request
  std::vector<std::byte> received_;
  std::size_t appetite_ = SIZE_MAX;
  std::optional<mux::StreamEnd> end_;
};

// Both ends of a real session over a pair of sockets, with the helper's own
// services at the far end, in this process's namespaces.
class ServicePair : public mux::Connection::Owner {
 public:
  ServicePair();
  // Ends the session; every task of the services must end with it.
  ~ServicePair() override;

  asio::any_io_executor executor() { return io_.get_executor(); }
  std::shared_ptr<Asker> open(mux::Service service,
                              std::vector<std::byte> request = {},
                              bool finishes = false);
  // Lets both ends work until `done`. False: not within `limit`.
  bool turn(const std::function<bool()>& done,
            std::chrono::milliseconds limit = std::chrono::seconds(5));

 private:
  std::shared_ptr<mux::StreamHandler> open_requested(
      mux::Stream& stream, const mux::Target& target) override;
  void remote_log(log::Level, std::string_view) override {}
  void suspicion(bool) override {}

  asio::io_context io_{1};
  std::optional<mux::Connection> client_, helper_;
  int client_link_ = -1;
};

}  // namespace ginnel
