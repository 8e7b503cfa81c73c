// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <set>

namespace ginnel {

// What there is, and what the client was told that there is: the difference is
// told when it can take more, so that a thing which came and went meanwhile
// costs nothing, and what waits is never more than the two sets. Pure.
template <typename Key, typename Order = std::less<Key>>
class ToldSet {
 public:
  using Set = std::set<Key, Order>;
  struct Change {
    bool gone;
    Key key;
  };

  void add(const Key& key) {
    if (!present_.insert(key).second) return;
    if (told_.contains(key)) {
      gone_.erase(key);
    } else {
      come_.insert(key);
    }
  }
  void remove(const Key& key) {
    if (present_.erase(key) == 0) return;
    if (told_.contains(key)) {
      gone_.insert(key);
    } else {
      come_.erase(key);
    }
  }
  // From now on there is what `next` has, and nothing else.
  void replace(const Set& next) {
    Set before = present_;
    for (const Key& key : before) {
      if (!next.contains(key)) remove(key);
    }
    for (const Key& key : next) add(key);
  }

  // The next change to tell, which is then told: first all that is gone, so
  // that the client never has more than there was at some time.
  std::optional<Change> next() {
    bool gone = !gone_.empty();
    Set& from = gone ? gone_ : come_;
    if (from.empty()) return {};
    Change change{gone, *from.begin()};
    from.erase(from.begin());
    if (gone) {
      told_.erase(change.key);
    } else {
      told_.insert(change.key);
    }
    return change;
  }

  const Set& present() const { return present_; }

 private:
  Set present_, told_;
  Set come_, gone_;  // what is in only one of them
};

}  // namespace ginnel
