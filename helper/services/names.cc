// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/services/names.h"

#include <asio/steady_timer.hpp>
#include <utility>

#include "helper/services/found_names.h"
#include "helper/services/name_finder.h"
#include "helper/services/record_service.h"
#include "helper/services/survey.h"
#include "mux/spawn.h"

namespace ginnel {
namespace {

// How often this machine's own tables are looked at.
constexpr auto kSurvey = std::chrono::seconds(30);

// The rates of the sources are those of one service; a client may begin anew
// before the end of the old one has arrived.
constexpr int kMaxAtOnce = 2;
int at_once = 0;

class NamesService : public RecordService,
                     public NameFinder::Owner,
                     public std::enable_shared_from_this<NamesService> {
 public:
  NamesService(asio::any_io_executor executor, mux::Stream& stream)
      : RecordService(stream),
        executor_(executor),
        timer_(executor),
        survey_(executor) {
    ++at_once;
  }

  std::size_t write(Bytes bytes) override;
  // Until the client is gone.
  static awaitable<void> look_around(std::shared_ptr<NamesService> self);

 private:
  void found(names::Source source, const IpAddress& address,
             const std::string& name) override {
    if (names_.add(source, address, name)) records_ready();
  }
  void gone(names::Source source, const IpAddress& address,
            const std::string& name) override {
    names_.remove(source, address, name);
    records_ready();
  }
  std::vector<std::byte> next_record() override {
    auto record = names_.next();
    return record ? encode(*record) : std::vector<std::byte>();
  }
  void stop() override {
    --at_once;
    finders_.clear();
    timer_.cancel();
  }
  void start(names::Seeds seeds);

  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  Survey survey_;
  names::SeedsReader seeds_;
  FoundNames names_;
  std::vector<std::unique_ptr<NameFinder>> finders_;  // empty: not asked yet
};

std::size_t NamesService::write(Bytes bytes) {
  bool asked = !finders_.empty();
  seeds_.feed(bytes);
  auto seeds = seeds_.next();
  if (!seeds || (asked && !bytes.empty()) || (*seeds && !seeds_.empty())) {
    reset();
  } else if (*seeds) {
    start(**std::move(seeds));
  }
  return bytes.size();
}

void NamesService::start(names::Seeds seeds) {
  finders_.push_back(discover_hosts(executor_, *this));
  finders_.push_back(discover_mdns(executor_, *this));
  finders_.push_back(discover_netbios(executor_, *this));
  finders_.push_back(
      discover_resolver(executor_, *this, std::move(seeds.names)));
  spawn(executor_, "names", look_around(shared_from_this()));
}

awaitable<void> NamesService::look_around(std::shared_ptr<NamesService> self) {
  while (!self->over()) {
    Survey::Due due = co_await self->survey_.take();
    for (const auto& finder : self->finders_) {
      finder->neighbours(due.neighbours);
      finder->peers(due.others);
    }
    if (self->over()) co_return;
    self->timer_.expires_after(kSurvey);
    co_await self->timer_.async_wait(as_tuple);
  }
}

}  // namespace

std::shared_ptr<mux::StreamHandler> serve_names(asio::any_io_executor executor,
                                                mux::Stream& stream) {
  if (at_once >= kMaxAtOnce) {
    stream.refuse(mux::Refusal::kResources);
    return nullptr;
  }
  auto service = std::make_shared<NamesService>(executor, stream);
  stream.accept();
  return service;
}

}  // namespace ginnel
