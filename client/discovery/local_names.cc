// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/discovery/local_names.h"

#include <utility>

#include "base/log.h"
#include "resolve/resolver.h"

namespace ginnel {

LocalNames::LocalNames(const asio::any_io_executor& executor, Told told)
    : executor_(executor), told_(std::move(told)) {
  next_.emplace(executor, [this] { ask_next(); });
  retry_.emplace(executor, [this] {
    waiting_.insert(waiting_.end(), unanswered_.begin(), unanswered_.end());
    unanswered_.clear();
    ask_next();
  });
}

void LocalNames::ask(std::string name) {
  waiting_.push_back(std::move(name));
  next_->set_in({});
}

void LocalNames::close() {
  waiting_.clear();
  asked_.clear();
  next_.reset();
  retry_.reset();
}

void LocalNames::ask_next() {
  while (asked_.size() < kAtOnce && !waiting_.empty()) {
    std::string name = std::move(waiting_.front());
    waiting_.pop_front();
    auto look_up = HostLookUp::start(
        executor_, name,
        [this, name](names::Addresses found) { answered(name, found); });
    asked_.emplace(std::move(name), std::move(look_up));
  }
}

void LocalNames::answered(const std::string& asked,
                          const names::Addresses& found) {
  using Status = names::Addresses::Status;
  std::string name = asked;  // which goes with the look-up
  asked_.erase(name);
  next_->set_in({});
  if (found.status != Status::kNoAnswer || is_local_name(name) ||
      !has_name_server()) {
    return told_(name, found.status == Status::kFound);
  }
  if (unanswered_.empty()) {
    log::debug(
        "this machine's name servers do not answer; names found at the "
        "far end wait for them, such as ",
        name);
    retry_->set_in(kRetry);
  }
  unanswered_.push_back(std::move(name));
}

bool LocalNames::has_name_server() const {
  auto& servers = Resolver::of(executor_).servers();
  return !servers.conf(std::chrono::steady_clock::now()).servers.empty();
}

bool is_local_name(std::string_view name) {
  return name.find('.') == std::string_view::npos || name.ends_with(".local");
}

}  // namespace ginnel
