// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "resolve/dns_exchange.h"
#include "resolve/resolver.h"

namespace ginnel {

// One DNS query put to name servers until one answers. A server that is silent
// for 1.5 s (or the shorter timeout of resolv.conf) is not waited for alone:
// the next one is asked beside it, and whoever answers first counts. One that
// cannot be reached, or that says SERVFAIL, REFUSED or NOTIMP, gives way to the
// next at once; such an answer counts when nobody has a better one. After the
// last server the first is asked again, two times more, and longer each time;
// ten seconds after the beginning nobody has answered.
class Inquiry : public std::enable_shared_from_this<Inquiry>,
                private DnsExchange::Owner {
 public:
  enum class Way {
    // What comes by UDP counts, cut answers (TC) too: the asker comes again.
    kUdp,
    // By TCP, and by UDP where no server takes connections.
    kTcp,
    // By UDP, and where the answer is cut by TCP.
    kWhole,
  };

  // The answer with the query's own id; empty when there is none.
  using Done = std::function<void(std::vector<std::byte> answer)>;

  // Asks `servers`, or this machine's own when there are none. `done` is called
  // once, not before this returns, and not at all once the inquiry is
  // destroyed. Null when there are too many already.
  // REQUIRES: dns::is_query(query).
  static std::shared_ptr<Inquiry> start(const asio::any_io_executor& executor,
                                        std::vector<std::byte> query, Way way,
                                        std::vector<NameServer> servers,
                                        Done done);

  Inquiry(const asio::any_io_executor& executor, Resolver& resolver,
          std::vector<std::byte> query, Way way, Done done);

 private:
  struct Candidate {
    NameServer server;
    bool by_tcp = false;
    bool failed = false;
  };

  void choose(std::vector<NameServer> servers);
  Candidate* next_candidate();
  void ask_next();
  bool ask(const Candidate& candidate);
  void wait(std::chrono::steady_clock::duration time);
  void time_is_up();
  void finish(std::vector<std::byte> answer);

  void answered(DnsExchange& exchange, std::vector<std::byte> answer) override;
  void failed(DnsExchange& exchange) override;
  bool is_cut_short(const Candidate& by, Bytes answer) const;
  void note_silence(const Candidate& candidate);
  // Takes the exchange out; the candidate that it was with.
  std::size_t remove(DnsExchange& exchange);
  // The candidate has nothing to say; goes on when it was its turn.
  void give_up(std::size_t candidate);

  struct Asked {
    std::size_t candidate;
    std::unique_ptr<DnsExchange> exchange;
  };

  Resolver& resolver_;
  mux::SocketPoller& poller_;
  Resolver::Place place_;
  asio::steady_timer timer_;
  const std::chrono::steady_clock::time_point deadline_;
  std::vector<std::byte> query_;
  Way way_;
  Done done_;
  bool over_ = false;

  std::vector<Candidate> candidates_;
  std::size_t next_ = 0;     // whose turn it is
  std::size_t current_ = 0;  // whom we wait for
  int round_ = 0;
  std::deque<Asked> asked_;      // who may still answer, latest last
  std::vector<std::byte> kept_;  // an answer that is better than none
};

}  // namespace ginnel
