// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mux/connection.h"

namespace ginnel {

// A client and a helper in one loop. The test says what the helper's services
// answer; and what is logged is kept.
class FarEnd : private mux::Connection::Owner {
 public:
  // The helper's end of one stream to a service.
  class Served : public mux::StreamHandler {
   public:
    Served(mux::Stream& stream, mux::Service which)
        : service(which), stream_(&stream) {}

    const mux::Service service;
    std::vector<std::byte> heard;
    bool over() const { return stream_ == nullptr; }
    void say(Bytes bytes);
    void finish_saying();
    void reset() { std::exchange(stream_, nullptr)->reset(); }

    ReadResult read(MutableBytes room) override;
    std::size_t write(Bytes bytes) override;
    void finish() override {}
    void ended(mux::StreamEnd) override { stream_ = nullptr; }
    // Called when something has been heard.
    std::function<void(Served&)> answer;

   private:
    mux::Stream* stream_;
    std::vector<std::byte> unsaid_;
    bool finished_ = false;
  };

  FarEnd();
  ~FarEnd() override;

  asio::any_io_executor executor() { return io_.get_executor(); }
  mux::Session& session() { return client_->session(); }
  // The stream that was opened last.
  Served& served();

  // Lets both ends work until `done`, which must be within `limit`.
  void turn(const std::function<bool()>& done,
            std::chrono::seconds limit = std::chrono::seconds(5));
  // Until nothing is left to be done at once.
  void settle();
  // Until `task` has ended.
  void run(awaitable<void> task);

  bool has_said(std::string_view words) const;

  std::vector<std::string> said;
  std::vector<std::shared_ptr<Served>> streams;
  // What each stream opened does when it has heard something.
  std::function<void(Served&)> answer = [](Served&) {};

 private:
  std::shared_ptr<mux::StreamHandler> open_requested(
      mux::Stream& stream, const mux::Target& target) override;
  void remote_log(log::Level, std::string_view) override {}
  void suspicion(bool) override {}

  asio::io_context io_{1};
  std::optional<mux::Connection> client_, helper_;
};

}  // namespace ginnel
