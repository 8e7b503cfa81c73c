// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/inquiry.h"

#include <sys/socket.h>

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "names/dns_build.h"
#include "names/dns_message.h"

namespace ginnel {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPatience(1500);
constexpr auto kDeadline = std::chrono::seconds(10);
constexpr int kRounds = 3;
// Sockets of one inquiry: those that were asked longest ago are given up.
constexpr std::size_t kMaxExchanges = 3;

// Another server may know better.
bool is_unwilling(Bytes answer) {
  switch (dns::read_header(answer)->rcode()) {
    case dns::Rcode::kServerFailure:
    case dns::Rcode::kNotImplemented:
    case dns::Rcode::kRefused:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::shared_ptr<Inquiry> Inquiry::start(const asio::any_io_executor& executor,
                                        std::vector<std::byte> query, Way way,
                                        std::vector<NameServer> servers,
                                        Done done) {
  Resolver& resolver = Resolver::of(executor);
  if (resolver.is_full()) return nullptr;
  auto inquiry = std::make_shared<Inquiry>(executor, resolver, std::move(query),
                                           way, std::move(done));
  inquiry->choose(std::move(servers));
  inquiry->ask_next();
  return inquiry;
}

Inquiry::Inquiry(const asio::any_io_executor& executor, Resolver& resolver,
                 std::vector<std::byte> query, Way way, Done done)
    : resolver_(resolver),
      poller_(mux::SocketPoller::of(executor)),
      place_(resolver),
      timer_(executor),
      deadline_(steady_clock::now() + kDeadline),
      query_(std::move(query)),
      way_(way),
      done_(std::move(done)) {}

void Inquiry::choose(std::vector<NameServer> servers) {
  auto now = steady_clock::now();
  NameServers& known = resolver_.servers();
  bool over_tcp = way_ == Way::kTcp;
  if (servers.empty()) {
    servers = known.own(now);
    over_tcp |= known.conf(now).over_tcp;
  }
  for (bool by_tcp : {true, false}) {
    if (by_tcp && !over_tcp) continue;
    for (const NameServer& server : known.in_order(servers, now)) {
      Candidate candidate;
      candidate.server = server;
      candidate.by_tcp = by_tcp;
      candidates_.push_back(candidate);
    }
  }
}

Inquiry::Candidate* Inquiry::next_candidate() {
  auto is_left = [](const Candidate& one) { return !one.failed; };
  if (std::none_of(candidates_.begin(), candidates_.end(), is_left)) return {};
  for (;;) {
    while (next_ < candidates_.size()) {
      current_ = next_++;
      if (is_left(candidates_[current_])) return &candidates_[current_];
    }
    if (!kept_.empty() || ++round_ == kRounds) return nullptr;
    next_ = 0;
  }
}

void Inquiry::ask_next() {
  if (steady_clock::now() >= deadline_) return finish(std::move(kept_));
  while (Candidate* candidate = next_candidate()) {
    if (ask(*candidate)) {
      milliseconds conf = resolver_.servers().conf(steady_clock::now()).timeout;
      return wait(std::min(kPatience, conf) * (1 << round_));
    }
    candidate->failed = true;
  }
  finish(std::move(kept_));
}

bool Inquiry::ask(const Candidate& candidate) {
  std::vector<std::byte> query = query_;
  dns::set_id(query, resolver_.random_id());
  Asked asked;
  asked.candidate = current_;
  UniqueFd socket =
      resolver_.make_socket(candidate.server.endpoint.address.family(),
                            candidate.by_tcp ? SOCK_STREAM : SOCK_DGRAM);
  auto make = candidate.by_tcp ? &DnsExchange::by_tcp : &DnsExchange::by_udp;
  asked.exchange = make(poller_, std::move(socket), candidate.server,
                        std::move(query), *this);
  if (!asked.exchange) return false;
  asked_.push_back(std::move(asked));
  if (asked_.size() > kMaxExchanges) asked_.pop_front();
  return true;
}

void Inquiry::wait(steady_clock::duration time) {
  timer_.expires_at(std::min(steady_clock::now() + time, deadline_));
  timer_.async_wait([weak = weak_from_this()](std::error_code error) {
    auto self = weak.lock();
    // What was queued before the timer was set anew comes with success.
    bool due = !error && self && !self->over_ &&
               self->timer_.expiry() <= steady_clock::now();
    if (due) self->time_is_up();
  });
}

void Inquiry::time_is_up() {
  note_silence(candidates_[current_]);
  ask_next();
}

// `done` may destroy this, and must not be called inside of start().
void Inquiry::finish(std::vector<std::byte> answer) {
  over_ = true;
  asked_.clear();
  timer_.cancel();
  if (!answer.empty()) {
    dns::set_id(answer, dns::read_header(query_)->id);
  }
  asio::post(timer_.get_executor(),
             [weak = weak_from_this(), answer = std::move(answer)]() mutable {
               auto self = weak.lock();
               if (self) self->done_(std::move(answer));
             });
}

void Inquiry::answered(DnsExchange& exchange, std::vector<std::byte> answer) {
  std::size_t from = remove(exchange);
  resolver_.servers().has_answered(candidates_[from].server);
  if (is_cut_short(candidates_[from], answer)) {
    if (way_ == Way::kTcp) return give_up(from);
    kept_ = std::move(answer);
    candidates_[from].by_tcp = true;
    next_ = from;
    return ask_next();
  }
  if (!is_unwilling(answer)) return finish(std::move(answer));
  if (kept_.empty()) kept_ = std::move(answer);
  give_up(from);
}

void Inquiry::failed(DnsExchange& exchange) {
  std::size_t from = remove(exchange);
  note_silence(candidates_[from]);
  give_up(from);
}

bool Inquiry::is_cut_short(const Candidate& by, Bytes answer) const {
  return way_ != Way::kUdp && !by.by_tcp &&
         dns::read_header(answer)->is_truncated();
}

// A server may well be there and take no connections.
void Inquiry::note_silence(const Candidate& candidate) {
  if (candidate.by_tcp) return;
  resolver_.servers().was_silent(candidate.server, steady_clock::now());
}

std::size_t Inquiry::remove(DnsExchange& exchange) {
  auto found = std::find_if(
      asked_.begin(), asked_.end(),
      [&](const Asked& one) { return one.exchange.get() == &exchange; });
  std::size_t candidate = found->candidate;
  asked_.erase(found);
  return candidate;
}

void Inquiry::give_up(std::size_t candidate) {
  candidates_[candidate].failed = true;
  if (candidate == current_) ask_next();
}

}  // namespace ginnel
