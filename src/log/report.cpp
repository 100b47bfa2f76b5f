// SPDX-License-Identifier: MIT
#include "log/report.hpp"

#include "log/markdown_report.hpp"
#include "log/output_file.hpp"

namespace duct_log {

Result<int> report(const ReportOptions& options, const Console& console) {
  const auto run = load_run(options.run, console.warn);
  if (!run) return run.error();
  const auto format = options.format.value_or(options.output.ends_with(".html") ? ReportFormat::html : ReportFormat::markdown);
  const auto text =
      format == ReportFormat::html ? html_report(*run, options.max_processes, console.warn) : markdown_report(*run, console.warn);
  if (!text) return text.error();
  if (options.output.empty()) {
    console.write(*text);
  } else if (const auto written = write_file(options.output, *text); !written) {
    return written.error();
  }
  return kOk;
}

}  // namespace duct_log
