// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/services/routes.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "helper/services/netlink_socket.h"
#include "helper/services/record_service.h"
#include "helper/services/told_set.h"
#include "names/messages.h"
#include "names/route_order.h"

namespace ginnel {
namespace {

using std::chrono::steady_clock;

constexpr auto kSettle = std::chrono::milliseconds(200);
constexpr int kRest = 20;  // times as long as the table took
constexpr int kMaxDumps = 3;

using Routes = ToldSet<Prefix, RouteOrder>;

class RouteService : public RecordService,
                     public std::enable_shared_from_this<RouteService> {
 public:
  RouteService(asio::any_io_executor executor, mux::Stream& stream,
               NetlinkBell bell)
      : RecordService(stream),
        executor_(executor),
        timer_(executor),
        bell_(std::move(bell)) {
    const char* connection = std::getenv("SSH_CONNECTION");
    if (connection) client_ = client_address(connection);
  }

  // Until the client is gone.
  static awaitable<void> follow(std::shared_ptr<RouteService> self) {
    bool rings = true;
    while (rings) {
      auto began = steady_clock::now();
      co_await self->read_table();
      if (self->over()) co_return;
      auto took = steady_clock::now() - began;
      rings = co_await self->bell_.wait();
      if (!rings) co_return;
      self->timer_.expires_after(
          std::max<steady_clock::duration>(kSettle, kRest * took));
      co_await self->timer_.async_wait(as_tuple);
      if (self->over()) co_return;
      self->bell_.silence();
    }
  }

 private:
  std::vector<std::byte> next_record() override;
  void stop() override {
    timer_.cancel();
    bell_.close();
  }

  awaitable<void> read_table();
  awaitable<bool> read_family(Family family, Routes::Set& found);
  void take(Routes::Set& found, const netlink::Message& message);

  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  NetlinkBell bell_;
  std::optional<IpAddress> client_;
  Routes routes_;
  bool cut_ = false;  // there are more than are told
  bool read_once_ = false;
  bool told_complete_ = false;
};

std::vector<std::byte> RouteService::next_record() {
  names::RouteRecord record;
  if (auto change = routes_.next()) {
    record.what = change->gone ? names::RouteRecord::What::kRemoved
                               : names::RouteRecord::What::kAdded;
    record.prefix = change->key;
    return encode(record);
  }
  if (!read_once_ || std::exchange(told_complete_, true)) return {};
  record.what = names::RouteRecord::What::kComplete;
  return encode(record);
}

awaitable<void> RouteService::read_table() {
  bool was_cut = std::exchange(cut_, false);
  Routes::Set found;
  bool read = co_await read_family(Family::kIpv4, found);
  if (read) read = co_await read_family(Family::kIpv6, found);
  if (over()) co_return;
  if (cut_ && !was_cut) {
    log::warning("the far end has more than ", names::kMaxRoutes,
                 " routes; those to private and to the widest networks count");
  }
  if (read) routes_.replace(found);
  read_once_ = true;
  records_ready();
}

// Whether it worked; what one family has is in `found` then.
awaitable<bool> RouteService::read_family(Family family, Routes::Set& found) {
  Routes::Set before = found;
  for (int i = 0; i < kMaxDumps; ++i) {
    found = before;
    std::function<void(const netlink::Message&)> each =
        [this, &found](const netlink::Message& message) {
          take(found, message);
        };
    std::vector<std::byte> request =
        netlink::route_request(family, kDumpSequence);
    auto dump =
        co_await netlink_dump(executor_, std::move(request), std::move(each));
    if (!dump) {
      log::warning("routes of the far end: ", dump.error().message());
      co_return false;
    }
    // Each change rings; after the last try the list is read again anyway.
    if (!dump->interrupted) break;
  }
  co_return true;
}

void RouteService::take(Routes::Set& found, const netlink::Message& message) {
  auto route = netlink::parse_route(message);
  if (!route) return;
  if (client_ && *route == Prefix(*client_, client_->bits())) return;
  found.insert(*route);
  if (found.size() > names::kMaxRoutes) {
    found.erase(std::prev(found.end()));
    cut_ = true;
  }
}

}  // namespace

std::shared_ptr<mux::StreamHandler> serve_routes(asio::any_io_executor executor,
                                                 mux::Stream& stream) {
  auto bell =
      NetlinkBell::open(executor, RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
  if (!bell) {
    log::warning("routes of the far end: ", bell.error().message());
    stream.refuse(mux::Refusal::kResources);
    return nullptr;
  }
  auto service =
      std::make_shared<RouteService>(executor, stream, *std::move(bell));
  stream.accept();
  spawn(executor, "routes", RouteService::follow(service));
  return service;
}

std::optional<IpAddress> client_address(std::string_view ssh_connection) {
  auto address =
      IpAddress::parse(ssh_connection.substr(0, ssh_connection.find(' ')));
  if (!address) return {};
  return address->unmapped();
}

}  // namespace ginnel
