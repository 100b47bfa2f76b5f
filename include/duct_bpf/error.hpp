// SPDX-License-Identifier: MIT
// Errors as values: what went wrong, and what the user can do about it. Everything in the library that can
// fail returns a Result; exceptions are for bugs only.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace duct_bpf {

enum class ErrorCode {
  usage,        // the caller asked for something that makes no sense: exit status 2
  conflict,     // files that must not be overwritten exist: 1
  not_found,    // the command does not exist: 127
  not_runnable, // the command exists and cannot be executed: 126
  no_bpf,       // the kernel or our privilege does not allow tracing: 1
  io,           // a file, pipe or device failed: 1
  system,       // any other failed system call: 1
};

struct Error {
  ErrorCode code = ErrorCode::system;
  std::string message;  // one line, what and why, no trailing full stop
  std::string hint;     // one line, what to do about it; empty where there is nothing to say
};

// A value or an Error. `*result` and `result->` may be used only after `if (result)`.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return std::get<0>(state_); }
  const T& operator*() const { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  Error& error() { return std::get<1>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}
  explicit operator bool() const { return ok_; }
  Error& error() { return error_; }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace duct_bpf
