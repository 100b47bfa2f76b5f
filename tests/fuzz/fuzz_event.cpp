// SPDX-License-Identifier: MIT
// The tracer's bytes, all the way to lines of JSON: a stream of messages, each behind its length (two bytes, little endian).
// Oracle: no sanitizer complains, and each line is one valid JSON object, whatever command lines and names hold.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <variant>

#include "core/event.hpp"
#include "core/process_tree.hpp"
#include "core/record.hpp"

using namespace duct_bpf;

namespace {

void check_line(const std::string& line) {
  if (line.empty() || line.find('\n') != line.size() - 1 || !nlohmann::json::parse(line).is_object()) std::abort();
}

void apply(ProcessTree& tree, Event event) {
  if (auto* fork = std::get_if<ForkEvent>(&event)) tree.on(*fork);
  if (auto* exec = std::get_if<ExecEvent>(&event)) tree.on(*exec);
  if (auto* live = std::get_if<LiveEvent>(&event)) {
    tree.on(*live);
    state_text(live->state);
  }
  if (auto* process = std::get_if<ProcessEvent>(&event)) {
    std::string line;
    append_process_line(line, tree.on(std::move(*process)).process);
    check_line(line);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ProcessTree tree(1'700'000'000'000'000'000);
  std::span<const std::byte> rest(reinterpret_cast<const std::byte*>(data), size);
  while (rest.size() >= 2) {
    std::size_t length = std::to_integer<std::size_t>(rest[0]) | std::to_integer<std::size_t>(rest[1]) << 8;
    rest = rest.subspan(2);
    length = std::min(length, rest.size());
    // A block of its own, so that a read past its end is seen.
    const std::vector<std::byte> message(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(length));
    rest = rest.subspan(length);
    if (auto event = decode(message)) apply(tree, std::move(*event));
  }
  return 0;
}
