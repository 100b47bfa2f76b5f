// SPDX-License-Identifier: MIT
// A filter (expression.hpp) over the fields of processes.jsonl.
#pragma once

#include <functional>
#include <string>

#include "log/run_record.hpp"

namespace duct_log {

using ProcessFilter = std::function<bool(const Process&)>;

// An empty text: all. Error usage: the expression, or a field that no process has.
Result<ProcessFilter> process_filter(const std::string& text);

}  // namespace duct_log
