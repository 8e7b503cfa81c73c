// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/wide_inquiry.h"

#include <chrono>
#include <utility>

#include "names/dns_message.h"

namespace ginnel {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(1500);

bool knows(Bytes answer) {
  auto header = dns::read_header(answer);
  return header && header->rcode() == dns::Rcode::kNoError;
}

}  // namespace

std::shared_ptr<WideInquiry> WideInquiry::start(
    const asio::any_io_executor& executor, std::vector<std::byte> query,
    Inquiry::Way way, std::vector<NameServer> servers, Inquiry::Done done) {
  auto wide = std::make_shared<WideInquiry>(executor, query, std::move(done));
  wide->inquiry_ =
      Inquiry::start(executor, std::move(query), way, std::move(servers),
                     [at = wide.get()](std::vector<std::byte> answer) {
                       at->servers_said(std::move(answer));
                     });
  if (!wide->inquiry_) return nullptr;
  if (wide->for_links_) wide->ask_links_in_time();
  return wide;
}

WideInquiry::WideInquiry(const asio::any_io_executor& executor,
                         std::vector<std::byte> query, Inquiry::Done done)
    : timer_(executor),
      query_(std::move(query)),
      for_links_(MulticastLookUp::is_for(dns::read_question(query_)->name)),
      done_(std::move(done)) {}

void WideInquiry::servers_said(std::vector<std::byte> answer) {
  if (!for_links_ || knows(answer)) return finish(std::move(answer));
  inquiry_.reset();
  kept_ = std::move(answer);
  if (!asked_links_) ask_links();
  if (!multicast_) finish(std::move(kept_));
}

void WideInquiry::ask_links_in_time() {
  timer_.expires_after(kPatience);
  timer_.async_wait([weak = weak_from_this()](std::error_code error) {
    auto self = weak.lock();
    if (!error && self && !self->asked_links_) self->ask_links();
  });
}

void WideInquiry::ask_links() {
  asked_links_ = true;
  timer_.cancel();
  multicast_ = MulticastLookUp::start(
      timer_.get_executor(), query_,
      [this](std::vector<std::byte> answer) { links_said(std::move(answer)); });
}

void WideInquiry::links_said(std::vector<std::byte> answer) {
  multicast_.reset();
  if (!answer.empty()) return finish(std::move(answer));
  if (!inquiry_) finish(std::move(kept_));
}

// `done` may destroy this.
void WideInquiry::finish(std::vector<std::byte> answer) {
  auto self = shared_from_this();
  asked_links_ = true;
  timer_.cancel();
  inquiry_.reset();
  multicast_.reset();
  done_(std::move(answer));
}

}  // namespace ginnel
