// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "resolve/alarm.h"
#include "resolve/host_look_up.h"

namespace ginnel {

// Finds out which names this machine knows without the far end: by its hosts
// file and its name servers, with its search list, as a program that asks for
// the name would. A few at a time, so that name servers are not flooded.
//
// When this machine's name servers do not answer, a name on the Internet may be
// known to them all the same: it is asked again later, and meanwhile nobody
// else may say where it is. A name that only a local network can have (of one
// label, under .local) is not known; nor is any when there is no name server
// to ask.
class LocalNames {
 public:
  static constexpr std::size_t kAtOnce = 32;
  static constexpr auto kRetry = std::chrono::seconds(30);

  using Told = std::function<void(const std::string& name, bool known)>;

  // `told` is called once for each name, never before ask() returns.
  LocalNames(const asio::any_io_executor& executor, Told told);

  void ask(std::string name);
  void close();

 private:
  void ask_next();
  void answered(const std::string& name, const names::Addresses& found);
  bool has_name_server() const;

  asio::any_io_executor executor_;
  Told told_;
  std::deque<std::string> waiting_, unanswered_;
  std::map<std::string, std::shared_ptr<HostLookUp>> asked_;
  std::optional<Alarm> next_, retry_;
};

// Whether no public name server can know it.
bool is_local_name(std::string_view name);

}  // namespace ginnel
