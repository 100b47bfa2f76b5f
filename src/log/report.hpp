// SPDX-License-Identifier: MIT
// duct-log report: a run as a page to be read elsewhere.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "log/console.hpp"
#include "log/html_report.hpp"

namespace duct_log {

enum class ReportFormat { markdown, html };

struct ReportOptions {
  std::string run;     // empty: the latest
  std::string output;  // empty: stdout
  std::optional<ReportFormat> format;            // empty: html where `output` ends in .html, otherwise markdown
  std::size_t max_processes = kReportProcesses;  // html: listed one by one
};

Result<int> report(const ReportOptions& options, const Console& console);

}  // namespace duct_log
