// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/log.h"

namespace ginnel {

// Of what changes together so many are logged; the far end decides how many
// there are.
inline constexpr std::size_t kLoggedAtOnce = 20;

// "found: a", "found: b", ..., "found: and 77 more". `text` makes of an item
// what is to be said of it.
template <typename Item, typename Text>
void log_some(std::string_view what, const std::vector<Item>& items,
              const Text& text) {
  std::size_t left = kLoggedAtOnce;
  for (const Item& item : items) {
    if (left-- == 0) break;
    log::info(what, text(item));
  }
  if (items.size() > kLoggedAtOnce) {
    log::info(what, "and ", items.size() - kLoggedAtOnce, " more");
  }
}

template <typename Item>
void log_some(std::string_view what, const std::vector<Item>& items) {
  log_some(what, items, [](const Item& item) { return item; });
}

}  // namespace ginnel
