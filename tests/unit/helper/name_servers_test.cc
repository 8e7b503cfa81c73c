// SPDX-License-Identifier: GPL-3.0-or-later
#include "resolve/name_servers.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using TimePoint = WatchedFile::TimePoint;

class Folder {
 public:
  Folder() {
    char path[] = "/tmp/ginnel-name-servers-XXXXXX";
    REQUIRE(::mkdtemp(path) != nullptr);
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string file() const { return path_ + "/file"; }
  // In place, its inode and size kept where they can be.
  void write(std::string_view text) { std::ofstream(file()) << text; }

 private:
  std::string path_;
};

std::string text(const std::vector<NameServer>& servers) {
  std::string all;
  for (auto& server : servers) {
    all += concat(server.endpoint, '%', server.zone, ' ');
  }
  return all;
}

std::vector<NameServer> servers(int count) {
  std::vector<NameServer> all;
  for (int i = 0; i < count; ++i) {
    all.emplace_back(Endpoint(IpAddress::loopback(Family::kIpv4), 1000 + i));
  }
  return all;
}

TEST_CASE("watched_file: it is read when it has changed, once a second") {
  Folder folder;
  TimePoint now{};
  WatchedFile file(folder.file(), 100);
  CHECK(file.text(now).empty());
  folder.write("one\n");
  CHECK(file.text(now += 999ms).empty());
  CHECK(file.text(now += 1ms) == "one\n");
  unsigned version = file.version();
  CHECK(file.text(now += 1h) == "one\n");
  CHECK(file.version() == version);
  folder.write("two\n");
  CHECK(file.text(now += 1s) == "two\n");
  CHECK(file.version() == version + 1);
  std::filesystem::remove(folder.file());
  CHECK(file.text(now += 1s).empty());
}

TEST_CASE("watched_file: what is too long counts by whole lines") {
  Folder folder;
  folder.write("0123456\n0123456\n");
  CHECK(WatchedFile(folder.file(), 16).text({}).size() == 16);
  CHECK(WatchedFile(folder.file(), 15).text({}).size() == 8);
  CHECK(WatchedFile(folder.file(), 7).text({}).empty());
  folder.write(std::string(100000, 'x'));
  CHECK(WatchedFile(folder.file(), 1000).text({}).empty());
}

TEST_CASE("watched_file: what is no file does not hold us up") {
  Folder folder;
  REQUIRE(::mkfifo(folder.file().c_str(), 0600) == 0);
  CHECK(WatchedFile(folder.file(), 100).text({}).empty());
  CHECK(WatchedFile("/dev/zero", 100).text({}).empty());
  CHECK(WatchedFile("/", 100).text({}).empty());
}

TEST_CASE("name_servers: those of resolv.conf, with their zones") {
  Folder folder;
  folder.write(
      "nameserver 192.0.2.1\nnameserver fe80::1%lo\n"
      "nameserver fe80::2%none\nnameserver ::1\n");
  NameServers known(folder.file());
  CHECK(text(known.own({})) ==
        "192.0.2.1:53%0 [fe80::1]:53%1 [fe80::2]:53%0 [::1]:53%0 ");
  std::string many;
  for (int i = 0; i < 20; ++i) many += concat("nameserver 10.0.0.", i, '\n');
  folder.write(many);
  CHECK(known.own(TimePoint() + 1s).size() == 8);
}

TEST_CASE("name_servers: without any it is this machine") {
  NameServers known("/nonexistent");
  CHECK(text(known.own({})) == "127.0.0.1:53%0 ");
}

TEST_CASE("name_servers: silent ones come last for half a minute") {
  NameServers known("/nonexistent");
  auto all = servers(3);
  TimePoint now{};
  CHECK(known.in_order(all, now) == all);
  known.was_silent(all[0], now);
  known.was_silent(all[1], now);
  CHECK(known.in_order(all, now) == std::vector{all[2], all[0], all[1]});
  known.has_answered(all[1]);
  CHECK(known.in_order(all, now + 29s) == std::vector{all[1], all[2], all[0]});
  CHECK(known.in_order(all, now + 30s) == all);
}

TEST_CASE("name_servers: it remembers only so many") {
  NameServers known("/nonexistent");
  auto all = servers(66);
  TimePoint now{};
  for (auto& server : all) known.was_silent(server, now);
  CHECK(known.in_order(all, now).front() == all[64]);
  // Those whose time is over make room.
  known.was_silent(all[65], now + 30s);
  CHECK(known.in_order(all, now + 30s).back() == all[65]);
}

}  // namespace
}  // namespace ginnel
