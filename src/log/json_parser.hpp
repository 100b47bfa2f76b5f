// SPDX-License-Identifier: MIT
// The JSON library as this one uses it; for readers that take values from its document without making trees of their own.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "duct_bpf/error.hpp"

namespace duct_log {

class JsonParser {
 public:
  // One value and nothing behind it. `text` is padded (json.hpp). The element is valid until the next call. Halves of
  // surrogate pairs, as Python writes them for bytes that are no UTF-8, become U+FFFD. Error io: what is wrong; deeper than 64
  // levels and more than a million values are.
  duct_bpf::Result<simdjson::dom::element> parse(std::string_view text);

 private:
  simdjson::dom::parser parser_;
  std::string mended_;
  std::size_t capacity_ = 0;
};

}  // namespace duct_log
