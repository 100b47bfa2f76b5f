// SPDX-License-Identifier: MIT
// The HTML report: one file that holds all it needs and asks nothing of a network.
#pragma once

#include <cstddef>
#include <string>

#include "log/console.hpp"
#include "log/run_record.hpp"

namespace duct_log {

inline constexpr std::size_t kReportProcesses = 50'000;

// The page as a text.
Result<std::string> html_report(const Run& run, std::size_t max_processes, const Warn& warn);

}  // namespace duct_log
