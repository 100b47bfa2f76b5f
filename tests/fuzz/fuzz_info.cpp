// SPDX-License-Identifier: MIT
// info.json. Oracle: no sanitizer complains; what cannot be read is an error that says why; the fields of what can are written
// as JSON that is harmless and read again as the same.
#include <cstdint>

#include "log/run_record.hpp"
#include "memory_file.hpp"

using namespace duct_log;
using namespace duct_bpf::fuzz;

namespace {

std::string again(std::string text, std::optional<unsigned> indent) {
  const std::size_t size = text.size();
  text.append(kJsonPadding, ' ');
  const auto json = parse_json(std::string_view(text).substr(0, size));
  require(bool(json));
  return json_text(*json, indent);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(view_of(data, size));
  const auto info = read_info(file.path());
  if (!info) {
    require(info.error().code == ErrorCode::io && !info.error().message.empty());
    return 0;
  }
  for (const auto indent : {std::optional<unsigned>(), std::optional<unsigned>(2)}) {
    const std::string text = json_text(Json{info->fields}, indent);
    require(is_harmless(text) && again(text, indent) == text);
  }
  return 0;
}
