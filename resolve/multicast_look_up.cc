// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/multicast_look_up.h"

#include <algorithm>
#include <utility>

#include "names/dns_build.h"
#include "names/mdns.h"
#include "resolve/resolver.h"

namespace ginnel {
namespace {

int at_once = 0;

}  // namespace

bool MulticastLookUp::is_for(std::string_view name) {
  return name.ends_with(".local");
}

std::shared_ptr<MulticastLookUp> MulticastLookUp::start(
    const asio::any_io_executor& executor, std::vector<std::byte> query,
    Done done) {
  auto question = dns::read_question(query);
  std::vector<Link> here = ginnel::links();
  if (!question || here.empty() || at_once >= kMaxAtOnce) return nullptr;
  auto look_up = std::make_shared<MulticastLookUp>(
      executor, *std::move(question), std::move(query), std::move(here),
      std::move(done));
  look_up->ask();
  return look_up;
}

MulticastLookUp::MulticastLookUp(const asio::any_io_executor& executor,
                                 dns::Question question,
                                 std::vector<std::byte> query,
                                 std::vector<Link> links, Done done)
    : timer_(executor),
      began_(std::chrono::steady_clock::now()),
      query_(std::move(query)),
      question_(std::move(question)),
      id_(Resolver::of(executor).random_id()),
      links_(std::move(links)),
      done_(std::move(done)) {
  ++at_once;
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    auto socket = MulticastSocket::open(executor, family, *this);
    if (socket) sockets_.push_back(std::move(socket));
  }
}

MulticastLookUp::~MulticastLookUp() { --at_once; }

bool MulticastLookUp::wants_address() const {
  return question_.type == dns::type::kA || question_.type == dns::type::kAaaa;
}

void MulticastLookUp::ask() {
  std::vector<mdns::Question> questions;
  if (wants_address()) {
    questions.emplace_back(question_.name, dns::type::kA);
    questions.emplace_back(question_.name, dns::type::kAaaa);
  } else {
    questions.emplace_back(question_.name, question_.type);
  }
  std::vector<std::byte> message = mdns::make_query(id_, questions);
  for (const auto& socket : sockets_) {
    for (const Link& link : links_) {
      if (!link.has(socket->family())) continue;
      socket->send(message, mdns::group(socket->family()), link.index);
    }
  }
  wait_until(began_ + (asked_again_
                           ? std::chrono::steady_clock::duration(kLimit)
                           : kAgain));
}

void MulticastLookUp::wait_until(std::chrono::steady_clock::time_point time) {
  timer_.expires_at(time);
  timer_.async_wait([weak = weak_from_this()](std::error_code error) {
    auto self = weak.lock();
    if (!error && self) self->time_is_up();
  });
}

void MulticastLookUp::time_is_up() {
  if (heard_) {
    std::vector<IpAddress> found(addresses_.begin(), addresses_.end());
    finish(
        dns::reply_with_addresses(query_, found, std::chrono::seconds(ttl_)));
  } else if (std::exchange(asked_again_, true)) {
    finish({});
  } else {
    ask();
  }
}

void MulticastLookUp::datagram(const MulticastSocket::Datagram& datagram) {
  const Link* link = find_link(links_, datagram.link);
  auto header = dns::read_header(datagram.bytes);
  if (!link || !link->is_local(datagram.from.address) || !header ||
      !header->is_answer() || header->id != id_ ||
      datagram.from.port != mdns::kPort || header->answers == 0) {
    return;
  }
  if (wants_address()) return gather(datagram.bytes);
  auto question = dns::read_question(datagram.bytes);
  if (!question || question->name != question_.name ||
      question->type != question_.type) {
    return;
  }
  std::vector<std::byte> answer(datagram.bytes.begin(), datagram.bytes.end());
  dns::set_id(answer, dns::read_header(query_)->id);
  finish(std::move(answer));
}

void MulticastLookUp::gather(Bytes answer) {
  bool concerns = false;
  for (const mdns::Record& record : mdns::records(answer)) {
    bool has_address =
        record.type == dns::type::kA || record.type == dns::type::kAaaa;
    if (!has_address || record.name != question_.name || record.ttl == 0) {
      continue;
    }
    concerns = true;
    if (record.type != question_.type || addresses_.size() >= kMaxAddresses) {
      continue;
    }
    addresses_.insert(record.address);
    ttl_ = std::min(ttl_, record.ttl);
  }
  if (!concerns || std::exchange(heard_, true)) return;
  wait_until(std::chrono::steady_clock::now() + kGather);
}

void MulticastLookUp::finish(std::vector<std::byte> answer) {
  timer_.cancel();
  sockets_.clear();
  if (Done done = std::exchange(done_, nullptr)) done(std::move(answer));
}

}  // namespace ginnel
