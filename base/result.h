// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cassert>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace ginnel {

// Why something the world was asked for did not happen: the kind for the
// program, one sentence naming the thing for the person.
class Error {
 public:
  explicit Error(std::string message)
      : code_(std::make_error_code(std::errc::invalid_argument)),
        message_(std::move(message)) {}
  Error(std::error_code code, std::string message)
      : code_(code), message_(std::move(message)) {}

  // "WHAT: strerror(errno_value)", for a failed system call.
  static Error from_errno(int errno_value, const std::string& what) {
    std::error_code code(errno_value, std::generic_category());
    return Error(code, what + ": " + code.message());
  }

  const std::error_code& code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same error with "PREFIX: " before its sentence.
  Error in(const std::string& prefix) const {
    return Error(code_, prefix + ": " + message_);
  }

 private:
  std::error_code code_;
  std::string message_;
};

// A value or an Error. The names are std::expected's (C++23), so that one
// `using` replaces this; g++ 12 has it only with -std=c++23, and clang 14,
// which builds the fuzzers, cannot read libstdc++'s.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // REQUIRES: has_value().
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !has_value().
  const Error& error() const {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }

 private:
  T& value() {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }

  std::variant<T, Error> state_;
};

// Success, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : state_(std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // REQUIRES: !has_value().
  const Error& error() const {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace ginnel
