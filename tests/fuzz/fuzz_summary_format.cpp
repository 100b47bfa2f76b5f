// SPDX-License-Identifier: MIT
// Summary formats: the first line is the value of {text}, the rest the format. Oracle: no sanitizer complains; what is
// printed is bounded, and no control character comes out of a value.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/summary_format.hpp"

using namespace duct_bpf;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view text = input.substr(0, input.find('\n'));
  const std::string_view format = text.size() < input.size() ? input.substr(text.size() + 1) : "{text}";
  const Fields fields{{"text", std::string(text)},  {"whole", std::int64_t{-1234567}}, {"largest", INT64_MAX},
                      {"smallest", INT64_MIN},      {"part", 1234.5},                  {"huge", 1e300},
                      {"true", true},               {"nothing", std::monostate{}}};
  for (const bool colors : {false, true}) {
    const auto result = format_summary(format, fields, colors);
    if (!result) {
      if (result.error().code != ErrorCode::usage || result.error().message.empty()) std::abort();
      continue;
    }
    const auto control = [](char c) { return (c >= 0 && c < ' ' && c != '\n') || c == 0x7f; };
    const bool from_format = std::any_of(format.begin(), format.end(), control);
    if (!colors && !from_format && std::any_of(result->begin(), result->end(), control)) std::abort();
    if (result->size() > (1 << 20)) std::abort();
  }
  return 0;
}
