// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/services/told_set.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "base/strings.h"

namespace ginnel {
namespace {

// All that is to be told now: "+1 -2 ".
std::string told(ToldSet<int>& set) {
  std::string text;
  while (auto change = set.next()) {
    text += concat(change->gone ? '-' : '+', change->key, ' ');
  }
  return text;
}

TEST_CASE("told set: each change is told once, what is gone first") {
  ToldSet<int> set;
  set.add(1);
  set.add(2);
  set.add(2);
  CHECK(told(set) == "+1 +2 ");
  CHECK(told(set).empty());
  set.add(0);
  set.remove(2);
  CHECK(told(set) == "-2 +0 ");
  set.remove(7);
  CHECK(told(set).empty());
}

TEST_CASE("told set: what was undone before it was told is not told") {
  ToldSet<int> set;
  set.add(1);
  set.remove(1);
  CHECK(told(set).empty());
  set.add(1);
  CHECK(told(set) == "+1 ");
  set.remove(1);
  set.add(1);
  CHECK(told(set).empty());
  set.replace({2, 3});
  set.replace({1, 3});
  CHECK(told(set) == "+3 ");
}

TEST_CASE("told set: in the end the client knows what there is") {
  std::mt19937 random(7);
  ToldSet<int> set;
  std::set<int> client;
  for (int i = 0; i < 20000; ++i) {
    int key = static_cast<int>(random() % 20);
    switch (random() % 4) {
      case 0:
        set.add(key);
        break;
      case 1:
        set.remove(key);
        break;
      case 2:
        if (auto change = set.next()) {
          REQUIRE((change->gone ? client.erase(change->key) == 1
                                : client.insert(change->key).second));
        }
        break;
      case 3:
        if (random() % 50 == 0) set.replace({key, key / 2});
    }
  }
  while (auto change = set.next()) {
    if (change->gone) {
      client.erase(change->key);
    } else {
      client.insert(change->key);
    }
  }
  CHECK(client == set.present());
}

}  // namespace
}  // namespace ginnel
