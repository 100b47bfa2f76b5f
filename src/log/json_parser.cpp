// SPDX-License-Identifier: MIT
#include "log/json_parser.hpp"

#include <algorithm>
#include <optional>

#include "log/json.hpp"

namespace duct_log {
namespace {

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxValues = 1'000'000;  // of a document; a report of 1,000 processes has some 15,000

// Values and members cost up to fifty times what they take in the text, so they are counted before anything is made of them.
bool has_too_many_values(std::string_view text) {
  if (text.size() <= kMaxValues) return false;
  std::size_t count = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') ++i;
    if (!quoted && (c == ',' || c == '[' || c == '{')) ++count;
  }
  return count > kMaxValues;
}

// The code unit of \uXXXX at the front, if it is one.
std::optional<unsigned> code_unit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (const char c : text.substr(2, 4)) {
    const auto digit = std::string_view("0123456789abcdef").find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
    if (digit == std::string_view::npos) return std::nullopt;
    unit = unit << 4 | static_cast<unsigned>(digit);
  }
  return unit;
}

// \ud800 and the like without their partner become \ufffd, which is as long.
void mend_surrogates(std::string& text) {
  for (std::size_t at = 0; (at = text.find('\\', at)) != std::string::npos;) {
    const std::string_view rest = std::string_view(text).substr(at);
    const auto unit = code_unit(rest);
    if (!unit) {
      at += 2;
      continue;
    }
    const auto next = *unit >= 0xD800 && *unit < 0xDC00 ? code_unit(rest.substr(6)) : std::nullopt;
    if (next && *next >= 0xDC00 && *next < 0xE000) {
      at += 12;
      continue;
    }
    if (*unit >= 0xD800 && *unit < 0xE000) text.replace(at, 6, "\\ufffd");
    at += 6;
  }
}

const char* what_is_wrong(simdjson::error_code error) {
  switch (error) {
    case simdjson::EMPTY:
      return "nothing in it";
    case simdjson::UTF8_ERROR:
      return "not UTF-8";
    case simdjson::DEPTH_ERROR:
      return "nested too deep";
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC:
      return "too large";
    case simdjson::NUMBER_ERROR:
      return "a number that is none, or is out of range";
    default:
      return "not JSON, or cut off";
  }
}

}  // namespace

Result<simdjson::dom::element> JsonParser::parse(std::string_view text) {
  if (has_too_many_values(text)) return Error{ErrorCode::io, "more than a million values", {}};
  if (text.size() > capacity_) {
    capacity_ = std::max<std::size_t>(2 * text.size(), 1 << 16);
    if (parser_.allocate(capacity_, kMaxDepth) != simdjson::SUCCESS) return Error{ErrorCode::io, "too large", {}};
  }
  simdjson::dom::element element;
  auto error = parser_.parse(text.data(), text.size(), false).get(element);
  if (error == simdjson::STRING_ERROR) {
    mended_.assign(text);
    mend_surrogates(mended_);
    mended_.append(kJsonPadding, ' ');
    error = parser_.parse(mended_.data(), text.size(), false).get(element);
  }
  if (error != simdjson::SUCCESS) return Error{ErrorCode::io, what_is_wrong(error), {}};
  return element;
}

}  // namespace duct_log
