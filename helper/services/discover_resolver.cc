// SPDX-License-Identifier: GPL-3.0-or-later
// Names that this machine's name servers have for the addresses of its
// neighbours, of the other ends of its connections and of itself (PTR), and
// addresses that they, or the hosts file, have for the seeds and this machine's
// own name. Who owns an address block may call it what he likes: a name counts
// when it has that address in turn. A name in the first domain of the search
// list is also found without it, and a seed without a dot also with it.
//
// One thing is asked after another, five a second at most, and nothing again
// within a quarter of an hour.
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "helper/services/found_names.h"
#include "helper/services/name_finder.h"
#include "names/dns_build.h"
#include "names/host_name.h"
#include "resolve/alarm.h"
#include "resolve/host_look_up.h"
#include "resolve/inquiry.h"

namespace ginnel {
namespace {

using std::chrono::steady_clock;

constexpr auto kSource = names::Source::kResolver;
constexpr auto kPace = std::chrono::milliseconds(200);
constexpr auto kSeedsAgain = std::chrono::minutes(15);
// What was not found again for so long is gone: four times that it was due.
constexpr auto kHolds = std::chrono::hours(1);
// Addresses and names that wait; a survey has no more than the addresses.
constexpr std::size_t kMaxWaiting = 4096;
// What was found, more than is taken of it.
constexpr std::size_t kMaxTold = 2 * FoundNames::kMaxNames;

class ResolverFinder : public NameFinder {
 public:
  ResolverFinder(const asio::any_io_executor& executor, Owner& owner,
                 std::vector<std::string> seeds);

  void neighbours(const std::vector<IpAddress>& addresses) override {
    peers(addresses);
  }
  void peers(const std::vector<IpAddress>& addresses) override {
    for (const IpAddress& address : addresses) wait_for(address);
  }

 private:
  using Task = std::variant<IpAddress, std::string>;

  void wait_for(Task task);
  void ask_next();
  void ask_seeds();
  std::string search_domain();
  bool ask_name_of(const IpAddress& address);
  void name_is(const IpAddress& address, Bytes answer);
  void check(const IpAddress& address, const std::string& name, Bytes answer);
  void ask_addresses_of(const std::string& name);
  void tell(const IpAddress& address, const std::string& name);
  void forget_old();
  void done();

  asio::any_io_executor executor_;
  Owner& owner_;
  std::vector<std::string> seeds_;
  std::deque<Task> waiting_;
  bool busy_ = false;
  std::shared_ptr<Inquiry> inquiry_;
  std::shared_ptr<HostLookUp> look_up_;
  std::map<std::pair<IpAddress, std::string>, steady_clock::time_point> told_;
  Alarm next_, again_;
};

ResolverFinder::ResolverFinder(const asio::any_io_executor& executor,
                               Owner& owner, std::vector<std::string> seeds)
    : executor_(executor),
      owner_(owner),
      seeds_(std::move(seeds)),
      next_(executor, [this] { ask_next(); }),
      again_(executor, [this] { ask_seeds(); }) {
  char own[256] = {};
  if (::gethostname(own, sizeof own - 1) == 0 && is_strict_host_name(own)) {
    seeds_.push_back(own);
  }
  ask_seeds();
}

void ResolverFinder::ask_seeds() {
  again_.set_in(kSeedsAgain);
  forget_old();
  std::string domain = search_domain();
  for (const std::string& seed : seeds_) {
    wait_for(seed);
    bool short_name = seed.find('.') == std::string::npos;
    if (short_name && !domain.empty()) wait_for(seed + '.' + domain);
  }
}

std::string ResolverFinder::search_domain() {
  auto now = steady_clock::now();
  const auto& conf = Resolver::of(executor_).servers().conf(now);
  return conf.search.empty() ? std::string() : conf.search.front();
}

void ResolverFinder::wait_for(Task task) {
  if (waiting_.size() >= kMaxWaiting) return;
  waiting_.push_back(std::move(task));
  if (!std::exchange(busy_, true)) next_.set_in({});
}

// The next task that leads to a question.
void ResolverFinder::ask_next() {
  inquiry_.reset();
  look_up_.reset();
  while (!waiting_.empty()) {
    Task task = std::move(waiting_.front());
    waiting_.pop_front();
    if (auto* name = std::get_if<std::string>(&task)) {
      return ask_addresses_of(*name);
    }
    if (ask_name_of(std::get<IpAddress>(task))) return;
  }
  busy_ = false;
}

void ResolverFinder::done() { next_.set_in(kPace); }

bool ResolverFinder::ask_name_of(const IpAddress& address) {
  auto query = dns::make_query(Resolver::of(executor_).random_id(),
                               dns::reverse_name(address), dns::type::kPtr);
  if (!query) return false;
  inquiry_ = Inquiry::start(executor_, *std::move(query), Inquiry::Way::kWhole,
                            {}, [this, address](std::vector<std::byte> answer) {
                              name_is(address, answer);
                            });
  return inquiry_ != nullptr;
}

void ResolverFinder::name_is(const IpAddress& address, Bytes answer) {
  auto name = dns::pointed_name(answer);
  bool ipv4 = address.family() == Family::kIpv4;
  std::optional<std::vector<std::byte>> query;
  if (name && is_strict_host_name(*name)) {
    query = dns::make_query(Resolver::of(executor_).random_id(), *name,
                            ipv4 ? dns::type::kA : dns::type::kAaaa);
  }
  if (!query) return done();
  inquiry_ = Inquiry::start(
      executor_, *std::move(query), Inquiry::Way::kWhole, {},
      [this, address, name = *name](std::vector<std::byte> reply) {
        check(address, name, reply);
      });
  if (!inquiry_) done();
}

void ResolverFinder::check(const IpAddress& address, const std::string& name,
                           Bytes answer) {
  auto has = dns::addresses(answer).addresses;
  if (std::count(has.begin(), has.end(), address) > 0) {
    tell(address, name);
    std::string domain = search_domain();
    if (!domain.empty() && name.ends_with('.' + domain)) {
      tell(address, name.substr(0, name.size() - domain.size() - 1));
    }
  }
  done();
}

void ResolverFinder::ask_addresses_of(const std::string& name) {
  look_up_ =
      HostLookUp::start(executor_, name, [this, name](names::Addresses found) {
        for (const IpAddress& address : found.addresses) tell(address, name);
        done();
      });
  if (!look_up_) done();
}

void ResolverFinder::tell(const IpAddress& address, const std::string& name) {
  bool room = told_.size() < kMaxTold || told_.contains({address, name});
  if (!room) return;
  told_[{address, name}] = steady_clock::now();
  owner_.found(kSource, address, name);
}

void ResolverFinder::forget_old() {
  auto now = steady_clock::now();
  for (auto at = told_.begin(); at != told_.end();) {
    auto told = at++;
    if (told->second + kHolds > now) continue;
    owner_.gone(kSource, told->first.first, told->first.second);
    told_.erase(told);
  }
}

}  // namespace

std::unique_ptr<NameFinder> discover_resolver(
    const asio::any_io_executor& executor, NameFinder::Owner& owner,
    std::vector<std::string> seeds) {
  return std::make_unique<ResolverFinder>(executor, owner, std::move(seeds));
}

}  // namespace ginnel
