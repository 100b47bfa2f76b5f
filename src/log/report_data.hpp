// SPDX-License-Identifier: MIT
// A run as the HTML report's script reads it: one JSON text, columns of numbers, each word of the arguments once.
#pragma once

#include <cstddef>
#include <string>

#include "log/run_record.hpp"

namespace duct_log {

// Of more processes than `max_processes` those that matter most are listed (the costly and the failed ones), which the report
// then says; its curves and sums by program are of all. No "<" is in the text, so no markup can begin in it.
Result<std::string> report_data(const Run& run, std::size_t max_processes, const Warn& warn);

}  // namespace duct_log
