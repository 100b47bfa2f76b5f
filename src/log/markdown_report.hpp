// SPDX-License-Identifier: MIT
// A run as a few lines of Markdown, for the summary of a CI step: it fits one screen.
#pragma once

#include <string>
#include <string_view>

#include "log/run_record.hpp"

namespace duct_log {

// Error io or not_found: its records cannot be read.
Result<std::string> markdown_report(const Run& run, const Warn& warn);

// Text that Markdown (and the HTML in it) takes for nothing but text, on one line, also in a cell of a table.
std::string markdown_text(std::string_view text);

}  // namespace duct_log
