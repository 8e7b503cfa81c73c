// SPDX-License-Identifier: GPL-3.0-or-later
// The names service over a real session, on a network with a real host that
// runs avahi-daemon, nmbd or dnsmasq.
#include "helper/services/names.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "base/strings.h"
#include "helper/services/found_names.h"
#include "mux/spawn.h"
#include "names/dns_message.h"
#include "names/dns_name.h"
#include "names/messages.h"
#include "resolve/resolver.h"
#include "tests/unit/helper/lan.h"
#include "tests/unit/helper/service_pair.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using names::Source;

// A file that is gone with this object.
class File {
 public:
  explicit File(const std::string& text) {
    char name[] = "/tmp/ginnel-test-XXXXXX";
    ::close(::mkstemp(name));
    path = name;
    write(text);
  }
  ~File() { ::unlink(path.c_str()); }
  void write(const std::string& text) { std::ofstream(path) << text; }

  std::string path;
};

// A client that wants to know the far end's names.
class Wants {
 public:
  explicit Wants(std::vector<std::string> seeds = {},
                 const std::string& hosts_text = "",
                 const std::string& resolv_text = "nameserver 127.0.0.1\n")
      : hosts(hosts_text), resolv_conf(resolv_text) {
    Resolver::of(pair.executor()).use(resolv_conf.path, hosts.path);
    names::Seeds request;
    request.names = std::move(seeds);
    asker = pair.open(mux::Service::kNames, encode(request));
  }

  void read() {
    const auto& bytes = asker->received();
    reader_.feed(Bytes(bytes).subspan(fed_));
    fed_ = bytes.size();
    for (;;) {
      auto record = reader_.next();
      REQUIRE(record.has_value());
      if (!*record) return;
      std::string text = concat((*record)->name, " ", (*record)->address,
                                " by ", to_string((*record)->source));
      if ((*record)->gone) {
        CHECK(known.erase(text) == 1);
      } else {
        CHECK(known.insert(text).second);
      }
    }
  }
  bool finds(const std::string& wanted, std::chrono::milliseconds limit = 10s) {
    return pair.turn(
        [&] {
          read();
          return known.contains(wanted);
        },
        limit);
  }
  std::string text() const {
    std::string text;
    for (const std::string& name : known) text += name + "\n";
    return text;
  }

  File hosts, resolv_conf;
  ServicePair pair;
  std::shared_ptr<Asker> asker;
  std::set<std::string> known;

 private:
  names::NameReader reader_;
  std::size_t fed_ = 0;
};

TEST_CASE("names: the hosts file, as far as it names hosts") {
  PrivateNetwork network;
  Wants client({},
               "127.0.0.1 localhost\n"
               "::1 localhost ip6-localhost\n"
               "0.0.0.0 ads.example.com\n"
               "127.0.1.1 me.corp.example me\n"
               "10.0.0.1 Router.corp.example router bad_name\n"
               "fd00::1 six\n"
               "10.0.0.2 localhost\n"
               "255.255.255.255 broadcasthost\n");
  CHECK(client.finds("six fd00::1 by its hosts file"));
  CHECK(client.text() ==
        "router 10.0.0.1 by its hosts file\n"
        "router.corp.example 10.0.0.1 by its hosts file\n"
        "six fd00::1 by its hosts file\n");
}

TEST_CASE("names: by multicast DNS and DNS-SD, from avahi") {
  Lan lan;
  lan.start_avahi("printer");
  Wants client;
  CHECK(client.finds("printer.local 10.1.0.9 by multicast DNS"));
  CHECK(client.finds("printer.local 2001:db8:1::9 by multicast DNS"));
  CAPTURE(client.text());
  // A host that leaves in order says so.
  lan.there("pkill -TERM -x -f 'avahi-daemon: running .printer.local.'");
  CHECK(client.pair.turn(
      [&] {
        client.read();
        return client.known.empty();
      },
      10s));
}

// Says by multicast DNS, from that address of the other host, that `name` has
// the address 10.1.0.66.
void announce(Lan& lan, const std::string& from, const char* name) {
  ByteWriter writer;
  for (int field : {0, 0x8400, 0, 1, 0, 0}) {
    writer.u16(static_cast<std::uint16_t>(field));
  }
  REQUIRE(dns::write_name(writer, name));
  writer.u16(dns::type::kA);
  writer.u16(dns::kInternet);
  writer.u32(120);
  writer.u16(4);
  writer.u32(0x0a010042);
  File message{std::string(as_text(writer.view()))};
  lan.there(concat("socat -u FILE:", message.path,
                   " UDP4-DATAGRAM:224.0.0.251:5353,reuseaddr,bind=", from,
                   ":5353,ip-multicast-if=", from));
}

TEST_CASE("names: multicast DNS from off the link is not believed") {
  Lan lan;
  lan.there(
      "ip addr add 192.0.2.9/32 dev eth0\n"
      "ip route add 224.0.0.0/4 dev eth0");
  Wants client({}, "10.0.0.1 started\n");
  REQUIRE(client.finds("started 10.0.0.1 by its hosts file"));
  announce(lan, "192.0.2.9", "evil.local");
  announce(lan, "10.1.0.9", "good.local");
  CHECK(client.finds("good.local 10.1.0.66 by multicast DNS"));
  CHECK(client.text().find("evil") == std::string::npos);
}

TEST_CASE("names: a silent neighbour's name, by asking for its address") {
  Lan lan;
  // It offers no services, so that only its address leads to it.
  lan.start_avahi("quiet", "no");
  lan.introduce("10.1.0.9");
  Wants client;
  CHECK(client.finds("quiet.local 10.1.0.9 by multicast DNS"));
}

TEST_CASE("names: by NetBIOS, of neighbours and of masters of workgroups") {
  Lan lan;
  lan.start_nmbd("FILESERVER", "yes");
  Wants client;
  CHECK(client.finds("fileserver 10.1.0.9 by NetBIOS", 20s));
}

TEST_CASE("names: by NetBIOS, of a neighbour that is no master") {
  Lan lan;
  lan.start_nmbd("DISK", "no");
  lan.introduce("10.1.0.9");
  Wants client;
  CHECK(client.finds("disk 10.1.0.9 by NetBIOS", 20s));
}

TEST_CASE("names: by the name servers, checked forward") {
  Lan lan;
  lan.there("ip addr add 10.1.0.10/16 dev eth0");
  lan.start(
      "exec dnsmasq --keep-in-foreground --no-resolv --no-hosts --no-daemon"
      " --conf-file=/dev/null --user=root --pid-file"
      " --host-record=db1.corp.example,10.1.0.9,2001:db8:1::9"
      " --host-record=seeded.corp.example,10.7.7.7"
      " --ptr-record=10.0.1.10.in-addr.arpa,liar.corp.example"
      " --host-record=liar.corp.example,10.9.9.9",
      "started");
  lan.introduce("10.1.0.9");
  lan.introduce("10.1.0.10");
  lan.introduce("2001:db8:1::9");
  Wants client({"seeded", "nobody"}, "",
               "nameserver 10.1.0.9\nsearch corp.example\n");
  CHECK(client.finds("db1.corp.example 10.1.0.9 by its name servers"));
  CHECK(client.finds("db1 10.1.0.9 by its name servers"));
  CHECK(client.finds("seeded 10.7.7.7 by its name servers"));
  CHECK(client.finds("seeded.corp.example 10.7.7.7 by its name servers"));
  CHECK(client.finds("db1.corp.example 2001:db8:1::9 by its name servers"));
  client.pair.turn([] { return false; }, 2s);
  client.read();
  CHECK(client.text().find("liar") == std::string::npos);
}

TEST_CASE("names: a client that says more than it may is reset") {
  PrivateNetwork network;
  ServicePair pair;
  names::Seeds seeds;
  std::vector<std::byte> request = encode(seeds);
  request.push_back(std::byte{0});
  auto asker = pair.open(mux::Service::kNames, request);
  CHECK(pair.turn([&] { return asker->end().has_value(); }));
  CHECK(asker->end()->kind == mux::StreamEnd::Kind::kReset);
  auto other = pair.open(mux::Service::kNames,
                         {std::byte{255}, std::byte{255}, std::byte{1}});
  CHECK(pair.turn([&] { return other->end().has_value(); }));
}

TEST_CASE("names: a client that asks again is reset") {
  PrivateNetwork network;
  ServicePair pair;
  std::size_t tasks = running_tasks().size();
  auto asker = pair.open(mux::Service::kNames, encode(names::Seeds()));
  CHECK(pair.turn([&] { return running_tasks().size() > tasks; }));
  CHECK(!asker->end());
  asker->say(encode(names::Seeds()));
  CHECK(pair.turn([&] { return asker->end().has_value(); }));
  CHECK(asker->end()->kind == mux::StreamEnd::Kind::kReset);
}

TEST_CASE("names: more than two streams are refused, and two at any time") {
  PrivateNetwork network;
  ServicePair pair;
  auto open = [&] {
    return pair.open(mux::Service::kNames, encode(names::Seeds()));
  };
  auto first = open(), second = open(), third = open();
  CHECK(pair.turn([&] { return third->end().has_value(); }));
  CHECK(third->end()->kind == mux::StreamEnd::Kind::kRefused);
  CHECK(!first->end());
  CHECK(!second->end());
  first->reset();
  std::size_t tasks = running_tasks().size();
  CHECK(pair.turn([&] { return running_tasks().size() < tasks; }));
  auto fourth = open();
  CHECK(pair.turn([&] { return running_tasks().size() == tasks; }));
  CHECK(!fourth->end());
}

TEST_CASE("names: one source does not crowd out another") {
  FoundNames names;
  for (unsigned i = 0; i < 5000; ++i) {
    std::uint8_t bytes[4] = {10, 1, static_cast<std::uint8_t>(i >> 8),
                             static_cast<std::uint8_t>(i)};
    names.add(Source::kMulticastDns, IpAddress(Family::kIpv4, bytes),
              concat("host", i, ".local"));
  }
  CHECK(names.size(Source::kMulticastDns) == FoundNames::kMaxNames);
  IpAddress address = *IpAddress::parse("10.0.0.1");
  CHECK(names.add(Source::kResolver, address, "DB1.corp.example"));
  CHECK(!names.add(Source::kResolver, address, "db1.corp.example"));
  names.remove(Source::kResolver, address, "db1.CORP.example");
  CHECK(names.size(Source::kResolver) == 0);
}

TEST_CASE("names: what cannot be a host's name or address is not taken") {
  FoundNames names;
  auto taken = [&](const char* name, const char* address = "10.0.0.1") {
    return names.add(Source::kResolver, *IpAddress::parse(address), name);
  };
  for (const char* name :
       {"", ".", "a..b", "-a", "a-", "a_b", "a b", "localhost", "LOCALHOST",
        "x.localhost", "ip6-allnodes", "10.0.0.1", "a.b.", "caf\xc3\xa9",
        "a\\.b", "a\nb"}) {
    CAPTURE(name);
    CHECK(!taken(name));
  }
  for (const char* address :
       {"127.0.0.1", "0.0.0.0", "169.254.0.1", "224.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "ff02::1", "::ffff:10.0.0.1"}) {
    CAPTURE(address);
    CHECK(!taken("a", address));
  }
  CHECK(taken("a"));
  CHECK(taken("a", "fd00::1"));
}

}  // namespace
}  // namespace ginnel
