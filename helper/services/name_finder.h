// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "names/messages.h"

namespace ginnel {

// A source of names: looks for them from its making until it is destroyed, at
// its own pace.
class NameFinder {
 public:
  // Who is told. Neither call destroys the finder.
  class Owner {
   public:
    // At `address` there is a host called `name`; or there is no longer.
    // Saying it again does no harm. Nothing need be checked before.
    virtual void found(names::Source source, const IpAddress& address,
                       const std::string& name) = 0;
    virtual void gone(names::Source source, const IpAddress& address,
                      const std::string& name) = 0;

   protected:
    ~Owner() = default;
  };

  virtual ~NameFinder() = default;

  // Other hosts of this machine's networks are at these addresses. Said now and
  // then, of all that are known.
  virtual void neighbours(const std::vector<IpAddress>&) {}
  // So are these, somewhere: this machine is connected to them.
  virtual void peers(const std::vector<IpAddress>&) {}
};

// discover_*.cc: one a source.
std::unique_ptr<NameFinder> discover_hosts(
    const asio::any_io_executor& executor, NameFinder::Owner& owner);
std::unique_ptr<NameFinder> discover_resolver(
    const asio::any_io_executor& executor, NameFinder::Owner& owner,
    std::vector<std::string> seeds);
std::unique_ptr<NameFinder> discover_netbios(
    const asio::any_io_executor& executor, NameFinder::Owner& owner);
std::unique_ptr<NameFinder> discover_mdns(const asio::any_io_executor& executor,
                                          NameFinder::Owner& owner);

}  // namespace ginnel
