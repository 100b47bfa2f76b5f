// SPDX-License-Identifier: MIT
#include "log/json.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/utf8.hpp"
#include "log/json_parser.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

namespace dom = simdjson::dom;

// Not deeper than the parser goes. Whole numbers that do not fit are floats, as everywhere that JSON is read.
Json build(const dom::element& from) {
  Json json;
  switch (from.type()) {
    case dom::element_type::ARRAY: {
      auto& list = json.value.emplace<Json::List>();
      for (const dom::element item : dom::array(from)) list.push_back(build(item));
      break;
    }
    case dom::element_type::OBJECT: {
      auto& object = json.value.emplace<Json::Object>();
      for (const auto& [key, value] : dom::object(from)) object.emplace_back(std::string(key), build(value));
      break;
    }
    case dom::element_type::INT64:
      json.value = std::int64_t(from);
      break;
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
      json.value = double(from);
      break;
    case dom::element_type::STRING:
      json.value = std::string(std::string_view(from));
      break;
    case dom::element_type::BOOL:
      json.value = bool(from);
      break;
    case dom::element_type::NULL_VALUE:
      break;
  }
  return json;
}

void append_json(std::string& out, const Json& json, std::optional<unsigned> indent, unsigned depth) {
  const auto new_line = [&](unsigned level) {
    if (indent) out.append("\n").append(std::size_t{*indent} * level, ' ');
  };
  const auto separator = [&](bool first) {
    if (!first) out += indent ? "," : ", ";
    new_line(depth + 1);
  };
  if (const auto* const flag = std::get_if<bool>(&json.value)) {
    out += *flag ? "true" : "false";
  } else if (const auto* const whole = std::get_if<std::int64_t>(&json.value)) {
    out += std::to_string(*whole);
  } else if (const auto* const real = std::get_if<double>(&json.value)) {
    out += json_number(*real);
  } else if (const auto* const text = std::get_if<std::string>(&json.value)) {
    append_json_string(out, *text);
  } else if (const Json::List* const list = json.list()) {
    out += '[';
    for (const Json& item : *list) {
      separator(&item == list->data());
      append_json(out, item, indent, depth + 1);
    }
    if (!list->empty()) new_line(depth);
    out += ']';
  } else if (const Json::Object* const object = json.object()) {
    out += '{';
    for (const auto& member : *object) {
      separator(&member == object->data());
      append_json_string(out, member.first);
      out += ": ";
      append_json(out, member.second, indent, depth + 1);
    }
    if (!object->empty()) new_line(depth);
    out += '}';
  } else {
    out += "null";
  }
}

void append_escape(std::string& out, char32_t point) {
  const auto short_form = point < 0x20 ? std::string_view("\b\f\n\r\t").find(static_cast<char>(point)) : std::string_view::npos;
  if (short_form != std::string_view::npos) {
    out.append({'\\', "bfnrt"[short_form]});
  } else if (point < 0x10000) {
    out += fmt::format("\\u{:04x}", static_cast<unsigned>(point));
  } else {
    const unsigned rest = static_cast<unsigned>(point) - 0x10000;
    out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
  }
}

}  // namespace

const Json* Json::find(std::string_view key) const {
  const Object* const members = object();
  if (members == nullptr) return nullptr;
  for (auto member = members->rbegin(); member != members->rend(); ++member) {
    if (member->first == key) return &member->second;
  }
  return nullptr;
}

std::optional<std::string> Json::text() const {
  if (const auto* const held = std::get_if<std::string>(&value)) return *held;
  return std::nullopt;
}

std::optional<std::int64_t> Json::integer() const {
  if (const auto* const held = std::get_if<std::int64_t>(&value)) return *held;
  return std::nullopt;
}

std::optional<double> Json::number() const {
  if (const auto* const whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* const real = std::get_if<double>(&value)) return *real;
  return std::nullopt;
}

std::optional<bool> Json::flag() const {
  if (const auto* const held = std::get_if<bool>(&value)) return *held;
  return std::nullopt;
}

Result<Json> parse_json(std::string_view text) {
  static thread_local JsonParser parser;
  const auto root = parser.parse(text);
  if (!root) return root.error();
  return build(*root);
}

std::string json_number(double number) {
  if (!std::isfinite(number)) return "null";
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const char c = text[0];
    const std::size_t length = duct_bpf::utf8_length(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (const char32_t point = duct_bpf::code_point(text.substr(0, length)); is_unsafe(point)) {
      append_escape(out, point);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

std::string json_text(const Json& json, std::optional<unsigned> indent) {
  std::string out;
  append_json(out, json, indent, 0);
  return out;
}

}  // namespace duct_log
