// SPDX-License-Identifier: GPL-3.0-or-later
#include "firewall/nft_rule.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>

// After libc's: its headers yield to them, not the other way round.
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/strings.h"

namespace ginnel::firewall {
namespace {

using RulePtr = std::unique_ptr<nftnl_rule, FreeWith<nftnl_rule_free>>;

// IPS_DST_NAT of linux/netfilter/nf_conntrack_common.h, which some releases
// cannot include beside libc's headers.
constexpr std::uint32_t kConntrackDstNat = 1 << 5;

// Where TCP's flags are: byte 13 of its header.
constexpr std::uint32_t kTcpFlags = 13;

std::uint32_t protocol(Family family) {
  return family == Family::kIpv4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

// Builds the expressions of one rule. Matches on a header field need to know
// which protocol the packet has; that is asked once a rule.
class RuleBuilder {
 public:
  RuleBuilder(const std::string& table, const std::string& chain)
      : rule_(checked(nftnl_rule_alloc())) {
    nftnl_rule_set_u32(rule_.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, table.c_str());
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain.c_str());
  }

  nftnl_rule* get() { return rule_.get(); }

  void operator()(const match::Mark& mark) {
    meta(NFT_META_MARK);
    compare(mark.value);
  }
  void operator()(const match::LocalDestination&) {
    nftnl_expr* fib = add("fib");
    nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
    nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
    compare<std::uint32_t>(RTN_LOCAL);
  }
  void operator()(const match::Syn&) {
    need_transport(IPPROTO_TCP);
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, kTcpFlags, 1);
    mask<std::uint8_t>(TH_SYN | TH_ACK);
    compare<std::uint8_t>(TH_SYN);
  }
  void operator()(const match::User& user) {
    meta(NFT_META_SKUID);
    compare(user.id);
  }
  void operator()(const match::Group& group) {
    meta(NFT_META_SKGID);
    compare(group.id);
  }
  void operator()(const match::FromInterface& from) {
    char name[IFNAMSIZ] = {};
    std::copy_n(from.name.data(), std::min(from.name.size(), sizeof name - 1),
                name);
    meta(NFT_META_IIFNAME);
    compare(name);
  }
  void operator()(const match::Source& source) {
    const Prefix& prefix = source.prefix;
    address_field(prefix.family(), offsetof(iphdr, saddr),
                  offsetof(ip6_hdr, ip6_src));
    compare_prefix(prefix);
  }
  void operator()(const match::Destination& to) {
    destination(to.address.family());
    compare_bytes(to.address.data(), to.address.size());
  }
  void operator()(const match::DestinationIn& to) {
    destination(to.family);
    lookup(to.set);
  }
  void operator()(const match::DestinationWithin& to) {
    destination(to.prefix.family());
    compare_prefix(to.prefix);
  }
  void operator()(const match::Port& to) {
    destination_port();
    compare(htons(to.port));
  }
  void operator()(const match::UdpPort& to) {
    need_transport(IPPROTO_UDP);
    // As in TCP's header.
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(tcphdr, th_dport), 2);
    compare(htons(to.port));
  }
  void operator()(const match::PortIn& to) {
    destination_port();
    lookup(to.set);
  }
  void operator()(const match::IpVersion& version) { need(version.family); }
  void operator()(const match::Diverted&) {
    nftnl_expr* ct = add("ct");
    nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_KEY, NFT_CT_STATUS);
    nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_DREG, NFT_REG_1);
    mask(kConntrackDstNat);
    compare<std::uint32_t>(0, NFT_CMP_NEQ);
  }

  void operator()(const verdict::Return&) { verdict(NFT_RETURN); }
  void operator()(const verdict::Accept&) { verdict(NF_ACCEPT); }
  void operator()(const verdict::Drop&) { verdict(NF_DROP); }
  void operator()(const verdict::Goto& jump) {
    nftnl_expr* expression = verdict(NFT_GOTO);
    nftnl_expr_set_str(expression, NFTNL_EXPR_IMM_CHAIN, jump.chain.c_str());
  }
  void operator()(const verdict::Redirect& redirect) {
    immediate(NFT_REG_1, htons(redirect.port));
    nftnl_expr* redir = add("redir");
    nftnl_expr_set_u32(redir, NFTNL_EXPR_REDIR_REG_PROTO_MIN, NFT_REG_1);
    nftnl_expr_set_u32(redir, NFTNL_EXPR_REDIR_FLAGS,
                       NF_NAT_RANGE_PROTO_SPECIFIED);
  }
  void operator()(const verdict::Divert& divert) {
    const IpAddress& address = divert.to.address;
    immediate_bytes(NFT_REG_1, address.data(), address.size());
    immediate(NFT_REG_2, htons(divert.to.port));
    nftnl_expr* nat = add("nat");
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_FAMILY, protocol(address.family()));
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG_2);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_FLAGS,
                       NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
  }

 private:
  nftnl_expr* add(const char* name) {
    nftnl_expr* expression = checked(nftnl_expr_alloc(name));
    nftnl_rule_add_expr(rule_.get(), expression);
    return expression;
  }

  void meta(std::uint32_t key) {
    nftnl_expr* expression = add("meta");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_DREG, NFT_REG_1);
  }
  void payload(std::uint32_t base, std::uint32_t offset, std::uint32_t size) {
    nftnl_expr* expression = add("payload");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, size);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
  }

  void need(Family family) {
    if (std::exchange(knows_version_, true)) return;
    meta(NFT_META_NFPROTO);
    compare(static_cast<std::uint8_t>(protocol(family)));
  }
  // A rule is about one transport only.
  void need_transport(std::uint8_t protocol) {
    if (std::exchange(knows_transport_, true)) return;
    meta(NFT_META_L4PROTO);
    compare(protocol);
  }
  void address_field(Family family, std::size_t offset4, std::size_t offset6) {
    need(family);
    bool ipv4 = family == Family::kIpv4;
    payload(NFT_PAYLOAD_NETWORK_HEADER,
            static_cast<std::uint32_t>(ipv4 ? offset4 : offset6),
            ipv4 ? 4 : 16);
  }
  void destination(Family family) {
    address_field(family, offsetof(iphdr, daddr), offsetof(ip6_hdr, ip6_dst));
  }
  void destination_port() {
    need_transport(IPPROTO_TCP);
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(tcphdr, th_dport), 2);
  }

  void compare_bytes(const void* data, std::size_t size,
                     std::uint32_t operation = NFT_CMP_EQ) {
    nftnl_expr* expression = add("cmp");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_OP, operation);
    nftnl_expr_set(expression, NFTNL_EXPR_CMP_DATA, data,
                   static_cast<std::uint32_t>(size));
  }
  template <typename T>
  void compare(const T& value, std::uint32_t operation = NFT_CMP_EQ) {
    compare_bytes(&value, sizeof value, operation);
  }
  void mask_bytes(const void* bits, std::size_t size) {
    static constexpr std::uint8_t kZeros[16] = {};
    nftnl_expr* expression = add("bitwise");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    auto length = static_cast<std::uint32_t>(size);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_LEN, length);
    nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_MASK, bits, length);
    nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_XOR, kZeros, length);
  }
  template <typename T>
  void mask(const T& bits) {
    mask_bytes(&bits, sizeof bits);
  }
  void compare_prefix(const Prefix& prefix) {
    IpAddress bits = IpAddress::any(prefix.family()).filled(0);
    mask_bytes(bits.masked(prefix.length()).data(), bits.size());
    compare_bytes(prefix.first().data(), bits.size());
  }
  void lookup(const std::string& set) {
    nftnl_expr* expression = add("lookup");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_str(expression, NFTNL_EXPR_LOOKUP_SET, set.c_str());
  }
  void immediate_bytes(std::uint32_t to, const void* data, std::size_t size) {
    nftnl_expr* expression = add("immediate");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, to);
    nftnl_expr_set(expression, NFTNL_EXPR_IMM_DATA, data,
                   static_cast<std::uint32_t>(size));
  }
  template <typename T>
  void immediate(std::uint32_t to, const T& value) {
    immediate_bytes(to, &value, sizeof value);
  }
  nftnl_expr* verdict(int code) {
    nftnl_expr* expression = add("immediate");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_VERDICT,
                       static_cast<std::uint32_t>(code));
    return expression;
  }

  RulePtr rule_;
  bool knows_version_ = false;
  bool knows_transport_ = false;
};

}  // namespace

void add_rule(NftBatch& batch, const std::string& table,
              const std::string& chain, std::size_t number,
              const Statement& statement) {
  RuleBuilder builder(table, chain);
  for (const Match& match : statement.matches) std::visit(builder, match);
  std::visit(builder, statement.verdict);
  batch.add(concat("rule ", number, " of chain ", chain), NFT_MSG_NEWRULE,
            NLM_F_CREATE | NLM_F_APPEND, [&](nlmsghdr* to) {
              nftnl_rule_nlmsg_build_payload(to, builder.get());
            });
}

}  // namespace ginnel::firewall
