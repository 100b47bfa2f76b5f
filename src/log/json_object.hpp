// SPDX-License-Identifier: MIT
// Writes one JSON object into a text, member by member, without a tree of it in between.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "log/json.hpp"

namespace duct_log {

// Epochs and seconds as they are recorded: microseconds; more is noise of the subtraction.
inline double microseconds(double seconds) { return std::round(seconds * 1e6) / 1e6; }

template <typename T>
void append_json(std::string& out, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::integral<T>) {
    out += std::to_string(value);
  } else if constexpr (std::floating_point<T>) {
    out += json_number(value);
  } else {
    append_json_string(out, value);
  }
}

class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;
  ~JsonObject() { out_ += '}'; }

  template <typename T>
  void add(std::string_view name, const T& value) {
    append_json(key(name), value);
  }
  // What is not there is left out.
  template <typename T>
  void add(std::string_view name, const std::optional<T>& value) {
    if (value) add(name, *value);
  }
  // The text, to which the caller appends the value.
  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    return out_;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

// The same for a list; `append` is called with each item.
template <typename Items, typename Append>
void append_list(std::string& out, const Items& items, Append&& append) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    append(item);
  }
  out += ']';
}

}  // namespace duct_log
