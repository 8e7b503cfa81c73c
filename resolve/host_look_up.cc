// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/host_look_up.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "names/dns_build.h"
#include "names/dns_message.h"
#include "names/hosts_file.h"

namespace ginnel {
namespace {

using Status = names::Addresses::Status;

}  // namespace

std::shared_ptr<HostLookUp> HostLookUp::start(asio::any_io_executor executor,
                                              std::string name, Done done) {
  auto look_up = std::make_shared<HostLookUp>(executor, std::move(done));
  std::string_view bare = name;
  if (bare.ends_with('.')) bare.remove_suffix(1);
  look_up->found_.addresses = names::addresses_in_hosts_file(
      Resolver::of(executor).hosts_file(), bare, names::kMaxAddresses);
  if (!look_up->found_.addresses.empty()) {
    look_up->least_ = kDefaultTime;
    look_up->finish(Status::kFound);
  } else {
    look_up->choose(std::move(name));
    look_up->ask_next();
  }
  return look_up;
}

HostLookUp::HostLookUp(asio::any_io_executor executor, Done done)
    : executor_(std::move(executor)), done_(std::move(done)) {}

void HostLookUp::choose(std::string name) {
  auto& servers = Resolver::of(executor_).servers();
  const auto& conf = servers.conf(std::chrono::steady_clock::now());
  bool only_as_it_is = name.ends_with('.');
  bool first_as_it_is = std::count(name.begin(), name.end(), '.') >= conf.ndots;
  if (!only_as_it_is) {
    for (const std::string& domain : conf.search) {
      candidates_.push_back(name + '.' + domain);
    }
  }
  candidates_.insert(first_as_it_is ? candidates_.begin() : candidates_.end(),
                     std::move(name));
}

void HostLookUp::ask_next() {
  inquiries_.clear();
  answers_ = 0;
  while (!candidates_.empty()) {
    std::string name = std::move(candidates_.front());
    candidates_.pop_front();
    for (auto type : {dns::type::kA, dns::type::kAaaa}) ask(name, type);
    if (!inquiries_.empty()) return;
  }
  finish(no_answer_ ? Status::kNoAnswer : Status::kNoName);
}

void HostLookUp::ask(const std::string& name, std::uint16_t type) {
  // It may have become too long behind a domain; the inquiry draws the id.
  auto query = dns::make_query(0, name, type);
  if (!query) return;
  auto inquiry = WideInquiry::start(
      executor_, *std::move(query), Inquiry::Way::kWhole, {},
      [this](std::vector<std::byte> answer) { answered(answer); });
  if (inquiry) {
    inquiries_.push_back(std::move(inquiry));
  } else {
    no_answer_ = true;
  }
}

void HostLookUp::answered(Bytes answer) {
  auto self = shared_from_this();
  if (answer.empty()) {
    no_answer_ = silence_ = true;
  } else {
    auto rcode = dns::read_header(answer)->rcode();
    no_answer_ |= rcode != dns::Rcode::kNoError && rcode != dns::Rcode::kNoName;
    auto said = dns::addresses(answer, names::kMaxAddresses);
    auto& all = found_.addresses;
    all.insert(all.end(), said.addresses.begin(), said.addresses.end());
    if (all.size() > names::kMaxAddresses) all.resize(names::kMaxAddresses);
    // What is not there may come, unless an SOA record says when.
    least_ = std::min(least_,
                      said.lasts > said.lasts.zero() || !said.addresses.empty()
                          ? said.lasts
                          : kDefaultTime);
  }
  if (++answers_ < inquiries_.size()) return;
  if (!found_.addresses.empty()) return finish(Status::kFound);
  if (silence_) return finish(Status::kNoAnswer);
  ask_next();
}

// `done` may destroy this, and must not be called inside of start().
void HostLookUp::finish(Status status) {
  found_.status = status;
  found_.lasts = std::min(no_answer_ ? kDefaultTime : kLongest, least_);
  asio::post(executor_, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (self) self->done_(std::move(self->found_));
  });
}

}  // namespace ginnel
