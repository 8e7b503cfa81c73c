// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/nft.h"

#include <netinet/in.h>
#include <sys/random.h>
#include <unistd.h>

// After libc's: its headers yield to them, not the other way round.
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "firewall/nft_batch.h"
#include "firewall/nft_rule.h"

namespace ginnel::firewall {
namespace {

// Key types of nft's own numbering, by which `nft list` shows sets as
// addresses and ports: datatype.h of nftables, unchanged since 2014.
constexpr std::uint32_t kTypeIpv4Address = 7;
constexpr std::uint32_t kTypeIpv6Address = 8;
constexpr std::uint32_t kTypeInetService = 13;

// Elements of a set stand in one attribute, whose length is a 16-bit number;
// an element takes up to 44 bytes.
constexpr std::size_t kMaxElementsInMessage = 1024;

constexpr std::string_view kTranslationEnd = "-nat";

using TablePtr = std::unique_ptr<nftnl_table, FreeWith<nftnl_table_free>>;
using ChainPtr = std::unique_ptr<nftnl_chain, FreeWith<nftnl_chain_free>>;
using RulePtr = std::unique_ptr<nftnl_rule, FreeWith<nftnl_rule_free>>;
using SetPtr = std::unique_ptr<nftnl_set, FreeWith<nftnl_set_free>>;

TablePtr make_table(const std::string& name) {
  TablePtr table(checked(nftnl_table_alloc()));
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name.c_str());
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FAMILY, NFPROTO_INET);
  return table;
}

void add_table(NftBatch& batch, const std::string& name, Ownership ownership) {
  TablePtr table = make_table(name);
  if (ownership == Ownership::kOwned) {
    nftnl_table_set_u32(table.get(), NFTNL_TABLE_FLAGS, NFT_TABLE_F_OWNER);
  }
  batch.add(
      "table " + name, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL,
      [&](nlmsghdr* to) { nftnl_table_nlmsg_build_payload(to, table.get()); });
}

SetPtr make_set(const std::string& table, const std::string& name) {
  SetPtr set(checked(nftnl_set_alloc()));
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table.c_str());
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
  return set;
}

void add_set(NftBatch& batch, const std::string& table, const Set& set,
             std::uint32_t id) {
  SetPtr made = make_set(table, set.name);
  std::uint32_t type = kTypeInetService;
  std::uint32_t size = sizeof(std::uint16_t);
  if (!set.addresses.empty()) {
    const IpAddress& sample = set.addresses.front().first;
    bool ipv4 = sample.family() == Family::kIpv4;
    type = ipv4 ? kTypeIpv4Address : kTypeIpv6Address;
    size = static_cast<std::uint32_t>(sample.size());
  }
  nftnl_set_set_u32(made.get(), NFTNL_SET_ID, id);
  nftnl_set_set_u32(made.get(), NFTNL_SET_FLAGS, NFT_SET_INTERVAL);
  nftnl_set_set_u32(made.get(), NFTNL_SET_KEY_TYPE, type);
  nftnl_set_set_u32(made.get(), NFTNL_SET_KEY_LEN, size);
  batch.add("set " + set.name, NFT_MSG_NEWSET, NLM_F_CREATE, [&](nlmsghdr* to) {
    nftnl_set_nlmsg_build_payload(to, made.get());
  });
}

// A key as the kernel compares it: bytes, most significant first.
using Key = std::vector<std::uint8_t>;

Key key_of(const IpAddress& address) {
  return Key(address.data(), address.data() + address.size());
}
Key key_of(std::uint16_t port) {
  return {static_cast<std::uint8_t>(port >> 8),
          static_cast<std::uint8_t>(port)};
}

struct Element {
  Key key;
  std::uint32_t flags;
};

// The kernel's form of an interval: where it starts, and an end mark at the
// key after its last; an interval up to the last key of all has no end.
void add_interval(std::vector<Element>& to, Key first, Key last) {
  to.push_back({std::move(first), 0});
  for (std::size_t i = last.size(); i-- > 0;) {
    if (++last[i] != 0) {
      to.push_back({std::move(last), NFT_SET_ELEM_INTERVAL_END});
      return;
    }
  }
}

void add_elements(NftBatch& batch, const std::string& table, const Set& set) {
  std::vector<Element> elements;
  for (const auto& interval : set.addresses) {
    add_interval(elements, key_of(interval.first), key_of(interval.last));
  }
  for (const PortRange& range : set.ports) {
    add_interval(elements, key_of(range.first), key_of(range.last));
  }
  for (std::size_t i = 0; i < elements.size();) {
    SetPtr part = make_set(table, set.name);
    std::size_t end = std::min(i + kMaxElementsInMessage, elements.size());
    for (; i < end; ++i) {
      nftnl_set_elem* made = checked(nftnl_set_elem_alloc());
      const Key& key = elements[i].key;
      nftnl_set_elem_set(made, NFTNL_SET_ELEM_KEY, key.data(),
                         static_cast<std::uint32_t>(key.size()));
      if (elements[i].flags != 0) {
        nftnl_set_elem_set_u32(made, NFTNL_SET_ELEM_FLAGS, elements[i].flags);
      }
      nftnl_set_elem_add(part.get(), made);
    }
    batch.add("elements of " + set.name, NFT_MSG_NEWSETELEM, NLM_F_CREATE,
              [&](nlmsghdr* to) {
                nftnl_set_elems_nlmsg_build_payload(to, part.get());
              });
  }
}

struct HookPlace {
  const char* type;
  std::uint32_t hook;
  std::int32_t priority;
};

HookPlace place_of(Hook hook) {
  // -100 is where destination nat belongs: before routing decides.
  if (hook == Hook::kPrerouting) return {"nat", NF_INET_PRE_ROUTING, -100};
  if (hook == Hook::kOutput) return {"nat", NF_INET_LOCAL_OUT, -100};
  // 100 is where source nat belongs.
  if (hook == Hook::kTranslation) return {"nat", NF_INET_LOCAL_IN, 100};
  return {"filter", NF_INET_LOCAL_IN, 0};
}

void add_chain(NftBatch& batch, const std::string& table, const Chain& chain) {
  ChainPtr made(checked(nftnl_chain_alloc()));
  nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TABLE, table.c_str());
  nftnl_chain_set_str(made.get(), NFTNL_CHAIN_NAME, chain.name.c_str());
  if (chain.hook != Hook::kNone) {
    HookPlace place = place_of(chain.hook);
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TYPE, place.type);
    nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_HOOKNUM, place.hook);
    nftnl_chain_set_s32(made.get(), NFTNL_CHAIN_PRIO, place.priority);
    nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  }
  batch.add(
      "chain " + chain.name, NFT_MSG_NEWCHAIN, NLM_F_CREATE,
      [&](nlmsghdr* to) { nftnl_chain_nlmsg_build_payload(to, made.get()); });
}

void add_sets(NftBatch& batch, const Plan& plan) {
  std::uint32_t set_id = 0;
  for (const Set& set : plan.sets) {
    add_set(batch, plan.table, set, ++set_id);
    add_elements(batch, plan.table, set);
  }
}

// Chains that are there already stay as they are.
void add_rules(NftBatch& batch, const Plan& plan) {
  for (const Chain& chain : plan.chains) add_chain(batch, plan.table, chain);
  for (const Chain& chain : plan.chains) {
    std::size_t number = 0;
    for (const Statement& statement : chain.statements) {
      add_rule(batch, plan.table, chain.name, ++number, statement);
    }
  }
}

// All rules of the table.
void delete_rules(NftBatch& batch, const std::string& table) {
  RulePtr rules(checked(nftnl_rule_alloc()));
  nftnl_rule_set_u32(rules.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
  nftnl_rule_set_str(rules.get(), NFTNL_RULE_TABLE, table.c_str());
  batch.add("rules of " + table, NFT_MSG_DELRULE, 0, [&](nlmsghdr* to) {
    nftnl_rule_nlmsg_build_payload(to, rules.get());
  });
}

void delete_set(NftBatch& batch, const std::string& table,
                const std::string& name) {
  SetPtr set = make_set(table, name);
  batch.add("set " + name, NFT_MSG_DELSET, 0, [&](nlmsghdr* to) {
    nftnl_set_nlmsg_build_payload(to, set.get());
  });
}

void delete_chain(NftBatch& batch, const std::string& table,
                  const std::string& name) {
  ChainPtr chain(checked(nftnl_chain_alloc()));
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
  batch.add("chain " + name, NFT_MSG_DELCHAIN, 0, [&](nlmsghdr* to) {
    nftnl_chain_nlmsg_build_payload(to, chain.get());
  });
}

Error refusal(const NftBatch& batch, const NftBatch::Answer& answer) {
  return Error::from_errno(answer.error,
                           "the kernel refused " + batch.name(answer.sequence));
}

// An empty batch is none.
Result<void> commit(NftBatch& batch, int socket) {
  if (batch.empty()) return {};
  Result<NftBatch::Answer> answer = batch.commit(socket);
  if (!answer) return answer.error();
  return answer->error == 0 ? Result<void>() : refusal(batch, *answer);
}

// Gives every set a name that no set has in a plan as it is made.
void rename_sets(Plan& plan) {
  constexpr std::string_view kOther = "_b";
  for (Set& set : plan.sets) set.name += kOther;
  for (Chain& chain : plan.chains) {
    for (Statement& statement : chain.statements) {
      for (Match& each : statement.matches) {
        if (auto* to = std::get_if<match::DestinationIn>(&each)) {
          to->set += kOther;
        } else if (auto* ports = std::get_if<match::PortIn>(&each)) {
          ports->set += kOther;
        }
      }
    }
  }
}

// One attempt to delete: 0, or why not.
Result<int> try_delete(int socket, const std::string& name) {
  TablePtr table = make_table(name);
  NftBatch batch;
  batch.add("table " + name, NFT_MSG_DELTABLE, 0, [&](nlmsghdr* to) {
    nftnl_table_nlmsg_build_payload(to, table.get());
  });
  Result<NftBatch::Answer> answer = batch.commit(socket);
  if (!answer) return answer.error();
  return answer->error;
}

}  // namespace

Result<std::string> make_table_name() {
  std::uint16_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) {
    return Error::from_errno(errno, "get random bytes");
  }
  std::string digits;
  for (int shift = 12; shift >= 0; shift -= 4) {
    digits += "0123456789abcdef"[random >> shift & 15];
  }
  return concat("ginnel-", ::getpid(), "-", digits);
}

std::string translation_table(const std::string& table) {
  return table + std::string(kTranslationEnd);
}

bool is_our_table(std::string_view name) {
  constexpr std::string_view kStart = "ginnel-";
  if (!name.starts_with(kStart) || name.size() >= NFT_TABLE_MAXNAMELEN) {
    return false;
  }
  if (name.ends_with(kTranslationEnd)) {
    name.remove_suffix(kTranslationEnd.size());
  }
  name.remove_prefix(kStart.size());
  auto is_digit = [](char byte) { return byte >= '0' && byte <= '9'; };
  std::size_t dash = name.find('-');
  if (dash == 0 || dash == name.npos || name.size() != dash + 5) return false;
  return std::all_of(name.begin(), name.begin() + dash, is_digit) &&
         std::all_of(name.begin() + dash + 1, name.end(), [&](char byte) {
           return is_digit(byte) || (byte >= 'a' && byte <= 'f');
         });
}

Result<UniqueFd> open_table_socket() { return open_netfilter_socket(); }

Result<Ownership> install_over(int socket, const Plan& plan,
                               Ownership ownership) {
  NftBatch batch;
  add_table(batch, plan.table, ownership);
  add_sets(batch, plan);
  add_rules(batch, plan);
  Result<NftBatch::Answer> answer = batch.commit(socket);
  if (!answer) return answer.error();
  if (answer->error == 0) return ownership;

  bool at_table = answer->sequence == NftBatch::kFirst;
  bool no_such_flag = answer->error == EINVAL || answer->error == EOPNOTSUPP;
  if (ownership == Ownership::kOwned && at_table && no_such_flag) {
    log::info("this kernel has no owner flag; the guard will delete the table");
    return install_over(socket, plan, Ownership::kPlain);
  }
  return refusal(batch, *answer);
}

TableContents contents_of(const Plan& plan) {
  TableContents contents;
  for (const Set& set : plan.sets) contents.sets.push_back(set.name);
  for (const Chain& chain : plan.chains) contents.chains.push_back(chain.name);
  return contents;
}

Result<void> replace_over(int socket, const TableContents& old,
                          const Plan& plan) {
  NftBatch sets;
  add_sets(sets, plan);
  Result<void> made = commit(sets, socket);
  if (!made) return made;

  NftBatch batch;
  delete_rules(batch, plan.table);
  for (const std::string& set : old.sets) delete_set(batch, plan.table, set);
  for (const std::string& name : old.chains) {
    bool stays =
        std::any_of(plan.chains.begin(), plan.chains.end(),
                    [&](const Chain& chain) { return chain.name == name; });
    if (!stays) delete_chain(batch, plan.table, name);
  }
  add_rules(batch, plan);
  Result<void> replaced = commit(batch, socket);
  if (replaced) return {};

  NftBatch back;
  for (const Set& set : plan.sets) delete_set(back, plan.table, set.name);
  Result<void> undone = commit(back, socket);
  if (!undone) log::warning("unused sets stay: ", undone.error().message());
  return replaced;
}

Result<InstalledTable> InstalledTable::install(const Plan& plan,
                                               Ownership ownership) {
  Result<UniqueFd> socket = open_table_socket();
  if (!socket) return socket.error();
  Result<Ownership> granted = install_over(socket->get(), plan, ownership);
  if (!granted) return granted.error();
  return InstalledTable(std::move(*socket), *granted, contents_of(plan));
}

Result<void> InstalledTable::replace(Plan plan) {
  // By turns, so that the names of two in a row differ.
  other_names_ = !other_names_;
  if (other_names_) rename_sets(plan);
  Result<void> replaced = replace_over(netlink_.get(), contents_, plan);
  if (replaced) {
    contents_ = contents_of(plan);
  } else {
    other_names_ = !other_names_;
  }
  return replaced;
}

Result<void> remove_own_table(int socket, const std::string& name) {
  assert(is_our_table(name));
  Result<int> error = try_delete(socket, name);
  if (!error) return error.error();
  if (*error == 0 || *error == ENOENT) return {};
  return Error::from_errno(*error, "delete table " + name);
}

Result<void> remove_table(const std::string& name,
                          std::chrono::milliseconds limit) {
  assert(is_our_table(name));
  Result<UniqueFd> socket = open_table_socket();
  if (!socket) return socket.error();
  auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    Result<int> error = try_delete(socket->get(), name);
    if (!error) return error.error();
    if (*error == 0 || *error == ENOENT) return {};
    // EPERM: it still has an owner, whose socket is about to be closed.
    bool ending = *error == EPERM || *error == EBUSY;
    if (!ending || std::chrono::steady_clock::now() >= deadline) {
      return Error::from_errno(*error, "delete table " + name);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace ginnel::firewall
