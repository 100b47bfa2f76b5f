// SPDX-License-Identifier: MIT
// A JSON value of a record as a tree, for what is small (info.json, a report) or shown as it is (pp). What a file holds is
// never trusted: depth is bounded, numbers too large become floats, text is made valid UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "duct_bpf/error.hpp"

namespace duct_log {

using duct_bpf::Error;
using duct_bpf::ErrorCode;
using duct_bpf::Result;

// Lent text: behind its end there are kJsonPadding bytes that may be read, whatever they are.
inline constexpr std::size_t kJsonPadding = 64;

struct JsonMember;

struct Json {
  using List = std::vector<Json>;
  using Object = std::vector<JsonMember>;  // in the order of the file; a key may come twice
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Object> value;

  // Of an object: what the last such key holds; null where there is none or this is no object.
  const Json* find(std::string_view key) const;
  // Empty where the value is of another type. A whole number is also a float.
  std::optional<std::string> text() const;
  std::optional<std::int64_t> integer() const;
  std::optional<double> number() const;
  std::optional<bool> flag() const;
  const List* list() const;
  const Object* object() const;
  bool is_null() const { return value.index() == 0; }
};

// Of an object. No std::pair: Clang 14 asks whether that can be made while it is being defined.
struct JsonMember {
  JsonMember(std::string key, Json held) : first(std::move(key)), second(std::move(held)) {}
  std::string first;
  Json second;
};

inline const Json::List* Json::list() const { return std::get_if<List>(&value); }
inline const Json::Object* Json::object() const { return std::get_if<Object>(&value); }

// One value and nothing behind it. `text` is padded (see above). Error io: what is wrong with it, without a file name.
Result<Json> parse_json(std::string_view text);

// As JSON on one line; with an indent: one value a line, as Python's json.dumps(indent=...) has it.
std::string json_text(const Json& json, std::optional<unsigned> indent = std::nullopt);
// What is_unsafe() is written as \u escapes: it is the same text, and harmless where it is shown.
void append_json_string(std::string& out, std::string_view text);
// The shortest form that is read back as the same number; null for what JSON cannot say.
std::string json_number(double number);

}  // namespace duct_log
