// SPDX-License-Identifier: MIT
// Text from outside, code point by code point.
#pragma once

#include <cstddef>
#include <string_view>

namespace duct_bpf {

// Length of the valid UTF-8 sequence that `text` (not empty) starts with; 0 if there is none. Neither surrogates nor
// overlong forms are valid.
std::size_t utf8_length(std::string_view text);

// The code point of a valid sequence, as utf8_length() found it.
char32_t code_point(std::string_view sequence);

}  // namespace duct_bpf
