// SPDX-License-Identifier: MIT
// .env files. Oracle: no sanitizer complains; names are what names may be; what was read, written down quoted, is read again
// as the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/env_file.hpp"

using namespace duct_bpf;

namespace {

std::string quoted(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '\\' || c == '"' || c == '$') text += '\\';
    text += c;
  }
  return text + '"';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto variables = parse_env_file({reinterpret_cast<const char*>(data), size});
  if (!variables) {
    if (variables.error().code != ErrorCode::usage || variables.error().message.empty()) std::abort();
    return 0;
  }
  std::string text;
  for (const auto& [name, value] : *variables) {
    if (name.empty() || name.find_first_of("= \t\n'\"#") != std::string::npos) std::abort();
    text += name + '=' + quoted(value) + '\n';
  }
  const auto again = parse_env_file(text);
  if (!again || *again != *variables) std::abort();
  return 0;
}
