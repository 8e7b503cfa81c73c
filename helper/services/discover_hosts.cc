// SPDX-License-Identifier: GPL-3.0-or-later
// Names in this machine's hosts file, which is looked at every half minute.
#include <set>
#include <string_view>
#include <utility>

#include "helper/services/found_names.h"
#include "helper/services/name_finder.h"
#include "names/dns_name.h"
#include "names/host_address.h"
#include "names/hosts_file.h"
#include "resolve/alarm.h"
#include "resolve/resolver.h"

namespace ginnel {
namespace {

constexpr auto kLook = std::chrono::seconds(30);
constexpr auto kSource = names::Source::kHostsFile;

class HostsFinder : public NameFinder {
 public:
  HostsFinder(const asio::any_io_executor& executor, Owner& owner)
      : resolver_(Resolver::of(executor)),
        owner_(owner),
        alarm_(executor, [this] { look(); }) {
    alarm_.set_in({});
  }

 private:
  using Names = std::set<std::pair<IpAddress, std::string>>;

  void look();
  static Names read(std::string_view text);

  Resolver& resolver_;
  Owner& owner_;
  Alarm alarm_;
  std::size_t seen_ = 0;  // a hash of what was read
  Names names_;
};

void HostsFinder::look() {
  alarm_.set_in(kLook);
  const std::string& text = resolver_.hosts_file();
  std::size_t hash = std::hash<std::string>()(text);
  if (std::exchange(seen_, hash) == hash) return;
  Names before = std::exchange(names_, read(text));
  for (const auto& [address, name] : before) {
    if (!names_.contains({address, name})) owner_.gone(kSource, address, name);
  }
  for (const auto& [address, name] : names_) {
    owner_.found(kSource, address, name);
  }
}

// Lists against advertisements have addresses that are nobody's: they do not
// count.
HostsFinder::Names HostsFinder::read(std::string_view text) {
  Names found;
  names::HostsFile file(text);
  while (auto line = file.next()) {
    if (!names::is_host_address(line->address)) continue;
    for (std::string_view name : line->names) {
      if (found.size() >= FoundNames::kMaxNames) return found;
      found.emplace(line->address, dns::lower_case(name));
    }
  }
  return found;
}

}  // namespace

std::unique_ptr<NameFinder> discover_hosts(
    const asio::any_io_executor& executor, NameFinder::Owner& owner) {
  return std::make_unique<HostsFinder>(executor, owner);
}

}  // namespace ginnel
