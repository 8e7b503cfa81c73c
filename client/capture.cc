// SPDX-License-Identifier: GPL-3.0-or-later
#include "client/capture.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/strings.h"

namespace ginnel {
namespace {

// Sentences about odd subnets; a file full of them is odd once.
constexpr std::size_t kMaxAdvice = 10;

// Fills a Capture, one part of the options after another.
class Loader {
 public:
  Loader(const Options& options, const Lookups& lookups)
      : options_(options), lookups_(lookups) {}

  Result<void> add_specs(const std::vector<SubnetSpec>& specs, bool include) {
    for (const SubnetSpec& spec : specs) {
      if (auto added = add(spec, include); !added) return added;
    }
    return {};
  }

  Result<void> add_files(const std::vector<std::string>& paths, bool include) {
    for (const std::string& path : paths) {
      auto text = lookups_.read_file(path);
      if (!text) return text.error().in(include ? "-s" : "-X");
      if (auto added = add_lines(path, *text, include); !added) return added;
    }
    return {};
  }

  Result<void> add_listeners() {
    for (const ListenSpec& spec : options_.listeners) {
      auto where = listener(spec);
      if (!where) return where.error();
      capture_.listeners.push_back(*where);
    }
    add_loopback(Family::kIpv4);
    add_loopback(Family::kIpv6);
    return {};
  }

  Result<void> add_owners() {
    if (options_.user) {
      capture_.uid = owner(*options_.user, lookups_.find_user);
      if (!capture_.uid) return no_such("--user", *options_.user, "user");
    }
    if (options_.group) {
      capture_.gid = owner(*options_.group, lookups_.find_group);
      if (!capture_.gid) return no_such("--group", *options_.group, "group");
    }
    return {};
  }

  Result<void> check_lans() {
    for (const Lan& lan : options_.lans) {
      const auto* name = std::get_if<std::string>(&lan);
      const auto* prefix = std::get_if<Prefix>(&lan);
      if (!takes_forwarded(prefix ? std::optional(prefix->family())
                                  : std::nullopt)) {
        return no_listener_for(lan);
      }
      // An interface may come up later, a mistyped one never does.
      if (name == nullptr || lookups_.interface_exists(*name)) continue;
      capture_.warnings.push_back(
          concat("--lan ", *name, ": there is no such interface yet"));
    }
    return {};
  }

  Result<Capture> take() {
    if (ignored_ipv6_ > 0) {
      capture_.warnings.push_back(
          concat("IPv6 subnets are not captured, because of --disable-ipv6 (",
                 ignored_ipv6_, " left out)"));
    }
    bool captures =
        std::any_of(capture_.rules.begin(), capture_.rules.end(),
                    [](const SubnetRule& rule) { return rule.include; });
    if (!captures && !captures_later()) return nothing_left();
    return std::move(capture_);
  }

 private:
  // What the far end says decides.
  bool captures_later() const {
    return options_.auto_nets != AutoNets::kNo || !capture_.far_names.empty();
  }

  Result<void> add_far_name(const SubnetSpec& spec, bool include) {
    if (!include) {
      return Error(concat("subnet ", spec,
                          ": names for the far end can be captured, not left "
                          "alone; exclude a network"));
    }
    if (spec.wildcard && !options_.dns) {
      return Error(concat("subnet ", spec,
                          ": which names there are is seen when they are "
                          "looked up; add --dns"));
    }
    if (capture_.far_names.size() == kMaxFarNames) {
      return Error(concat("there are more than ", kMaxFarNames,
                          " names for the far end; name networks instead"));
    }
    capture_.far_names.push_back(spec);
    return {};
  }

  Result<void> add(const SubnetSpec& spec, bool include) {
    if (spec.far) return add_far_name(spec, include);
    auto rules = resolve_subnet(spec, include, options_.ipv6, lookups_.resolve);
    if (!rules) return rules.error();
    if (capture_.rules.size() + rules->size() > kMaxRules) {
      return Error(concat("there are more than ", kMaxRules,
                          " subnets; name larger ones"));
    }
    if (rules->empty()) {
      ++ignored_ipv6_;
      if (include && !left_out_) left_out_ = spec;
    }
    if (spec.length && rules->size() > 1) {
      capture_.warnings.push_back(concat("subnet ", spec,
                                         ": the name has several addresses; /",
                                         *spec.length, " is put to each"));
    }
    capture_.rules.insert(capture_.rules.end(), rules->begin(), rules->end());
    return {};
  }

  Result<void> add_lines(const std::string& path, std::string_view text,
                         bool include) {
    for (int number = 1; !text.empty(); ++number) {
      std::size_t end = text.find('\n');
      std::string_view line = trimmed(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (line.empty() || line[0] == '#') continue;
      std::string where = concat(printable(path), ':', number);
      auto spec = parse_subnet(line);
      if (!spec) return spec.error().in(where);
      if (!spec->advice.empty() && ++advised_ <= kMaxAdvice) {
        capture_.warnings.push_back(concat(where, ": ", spec->advice));
      }
      if (auto added = add(*spec, include); !added) {
        return added.error().in(where);
      }
    }
    return {};
  }

  Result<Endpoint> listener(const ListenSpec& spec) {
    Endpoint where = spec.where;
    if (!spec.name.empty()) {
      auto addresses = lookups_.resolve(spec.name);
      if (!addresses) return addresses.error().in(concat("-l ", spec));
      // IPv4 first, as sshuttle takes them.
      where.address = *std::min_element(addresses->begin(), addresses->end());
    }
    if (!options_.ipv6 && where.address.family() == Family::kIpv6) {
      return Error(concat("-l ", spec,
                          " is IPv6, which --disable-ipv6 turns off; leave one "
                          "of them out"));
    }
    if (!lookups_.is_local(where.address)) {
      std::string_view all =
          where.address.family() == Family::kIpv4 ? "0.0.0.0" : "[::]";
      return Error(concat("-l ", spec, ": ", where.address,
                          " is not an address of this machine; write one that "
                          "is, or ",
                          all, " for all of them"));
    }
    return where;
  }

  // Whether a listener gets connections forwarded for others, of this family
  // or of any.
  bool takes_forwarded(std::optional<Family> family) const {
    return std::any_of(capture_.listeners.begin(), capture_.listeners.end(),
                       [family](const Endpoint& where) {
                         return !where.address.is_loopback() &&
                                where.address.family() ==
                                    family.value_or(where.address.family());
                       });
  }

  static Error no_listener_for(const Lan& lan) {
    std::string shown, listen = "-l 0.0.0.0 or -l [::]";
    if (const auto* prefix = std::get_if<Prefix>(&lan)) {
      shown = to_string(*prefix);
      listen = prefix->family() == Family::kIpv4 ? "-l 0.0.0.0" : "-l [::]";
    } else {
      shown = std::get<std::string>(lan);
    }
    return Error(concat("--lan ", shown,
                        " is about connections forwarded for others, which no "
                        "listener takes; it needs ",
                        listen));
  }

  // Options that parse_options() took name networks, or files of them.
  Error nothing_left() const {
    if (left_out_) {
      return Error(
          concat("no network is left to capture: --disable-ipv6 "
                 "leaves out ",
                 *left_out_,
                 "; name an IPv4 network, or leave --disable-ipv6 "
                 "out"));
    }
    return Error(concat("no network is left to capture: -s ",
                        printable(options_.include_files.front()),
                        " names none; write subnets into it, one a line, as "
                        "10.0.0.0/8"));
  }

  void add_loopback(Family family) {
    auto same = [family](const IpAddress& address) {
      return address.family() == family;
    };
    bool wanted =
        (captures_later() && (family == Family::kIpv4 || options_.ipv6)) ||
        std::any_of(capture_.rules.begin(), capture_.rules.end(),
                    [&](const SubnetRule& rule) {
                      return rule.include && same(rule.prefix.first());
                    });
    bool present =
        std::any_of(capture_.listeners.begin(), capture_.listeners.end(),
                    [&](const Endpoint& where) { return same(where.address); });
    if (wanted && !present) {
      capture_.listeners.emplace_back(IpAddress::loopback(family), 0);
    }
  }

  // A number is itself, whether or not it has a name.
  template <typename Find>
  static auto owner(const std::string& text, const Find& find)
      -> decltype(find(text)) {
    std::uint32_t id = 0;
    const char* last = text.data() + text.size();
    auto [end, error] = std::from_chars(text.data(), last, id);
    // 2^32-1 is "no id" to the kernel.
    if (error == std::errc() && end == last && id != UINT32_MAX) return id;
    return find(text);
  }

  static Error no_such(const char* option, const std::string& name,
                       const char* kind) {
    return Error(concat(option, ' ', printable(name, 60),
                        ": this machine has no such ", kind,
                        "; check the name, or write the ", kind, "'s number"));
  }

  const Options& options_;
  const Lookups& lookups_;
  Capture capture_;
  std::size_t ignored_ipv6_ = 0;
  std::optional<SubnetSpec> left_out_;  // the first include of those
  std::size_t advised_ = 0;
};

}  // namespace

Result<Capture> load_capture(const Options& options, const Lookups& lookups) {
  Loader loader(options, lookups);
  Result<void> done = loader.add_specs(options.includes, true);
  if (done) done = loader.add_files(options.include_files, true);
  if (done) done = loader.add_specs(options.excludes, false);
  if (done) done = loader.add_files(options.exclude_files, false);
  if (done) done = loader.add_listeners();
  if (done) done = loader.add_owners();
  if (done) done = loader.check_lans();
  if (!done) return done.error();
  return loader.take();
}

}  // namespace ginnel
