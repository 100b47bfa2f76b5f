// SPDX-License-Identifier: MIT
#include "log/csv.hpp"

#include "log/text.hpp"

namespace duct_log {

std::string csv_text(const Json& value) {
  if (value.is_null()) return {};
  const auto held = value.text();
  std::string text = held ? escaped(*held) : json_text(value);
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) text.insert(at, 1, '"');
  return "\"" + text + "\"";
}

}  // namespace duct_log
