// SPDX-License-Identifier: GPL-3.0-or-later
#include "mux/spawn.h"

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/multiple_exceptions.hpp>
#include <asio/system_error.hpp>
#include <exception>
#include <list>
#include <utility>

#include "base/log.h"

namespace ginnel {
namespace {

std::list<std::string>& names() {
  static std::list<std::string> running;
  return running;
}

void report(const std::string& name, std::exception_ptr failure) {
  try {
    std::rethrow_exception(cause_of(failure));
  } catch (const asio::system_error& error) {
    if (error.code() == asio::error::operation_aborted) return;
    log::error(name, ": ", error.what());
  } catch (const std::exception& error) {
    log::error(name, ": ", error.what());
  }
}

}  // namespace

std::exception_ptr cause_of(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const asio::multiple_exceptions& several) {
    return several.first_exception();
  } catch (...) {
    return failure;
  }
}

void spawn(const asio::any_io_executor& executor, std::string name,
           awaitable<void> task) {
  auto entry = names().insert(names().end(), std::move(name));
  asio::co_spawn(executor, std::move(task),
                 [entry](std::exception_ptr failure) {
                   if (failure) report(*entry, failure);
                   names().erase(entry);
                 });
}

std::vector<std::string> running_tasks() {
  return {names().begin(), names().end()};
}

}  // namespace ginnel
