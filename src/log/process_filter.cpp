// SPDX-License-Identifier: MIT
#include "log/process_filter.hpp"

#include "log/expression.hpp"
#include "log/process_text.hpp"

namespace duct_log {

Result<ProcessFilter> process_filter(const std::string& text) {
  if (text.empty()) return ProcessFilter([](const Process&) { return true; });
  auto expression = Expression::parse(text);
  if (!expression) return expression.error();
  for (const std::string& name : expression->names()) {
    if (!is_process_field(name))
      return Error{ErrorCode::usage, "a process has no field '" + name + "'", "fields are those of processes.jsonl, and failed"};
  }
  return ProcessFilter([expression = std::move(*expression)](const Process& process) {
    return expression.holds([&](std::string_view name) { return process_field(process, name); });
  });
}

}  // namespace duct_log
