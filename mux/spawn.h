// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace ginnel {

using asio::awaitable;

// Awaits to (error_code, results...) where the end of a connection is normal.
// (asio::as_tuple without `experimental` is asio 1.23's.)
inline constexpr auto as_tuple =
    asio::experimental::as_tuple(asio::use_awaitable);

// Runs `task` on `executor` on its own. What escapes it is logged under `name`,
// except cancellation; nothing else sees it. The only co_spawn of the project:
// asio's `detached` drops exceptions without a word.
// Give it a call, not a lambda's: a lambda's captures die before its frame.
void spawn(const asio::any_io_executor& executor, std::string name,
           awaitable<void> task);

// `failure`, or, when both sides of an `&&` threw, what the first one threw:
// the cause, since the other side was cancelled for it.
std::exception_ptr cause_of(std::exception_ptr failure);

// The names of the tasks that spawn() started and that have not ended, for a
// test that waits too long and for a shutdown that hangs.
std::vector<std::string> running_tasks();

}  // namespace ginnel
