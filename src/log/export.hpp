// SPDX-License-Identifier: MIT
// duct-log export: a run for other programs.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "log/console.hpp"
#include "log/run_record.hpp"

namespace duct_log {

enum class ExportFormat { trace, csv, json };
enum class ExportRows { processes, reports, samples };  // of csv: a line each

struct ExportOptions {
  std::string run;     // see find_run()
  std::string output;  // empty: stdout
  ExportFormat format = ExportFormat::trace;
  ExportRows rows = ExportRows::processes;
};

using Write = std::function<void(std::string_view)>;

// The Trace Event Format of chrome://tracing, which Perfetto reads: the run is a process of it, each process of the run a thread
// with one slice; counters of CPU, memory and processes. Times are microseconds since the run began.
Result<void> export_trace(const Run& run, const Write& write, const Warn& warn);

// A head, then a line for each process, report (its totals and averages) or sample (a process in a report).
Result<void> export_csv(const Run& run, ExportRows rows, const Write& write, const Warn& warn);

// One object: {"info": info.json, "processes": [...], "reports": [...]}, as they are in the files.
Result<void> export_json(const Run& run, const Write& write, const Warn& warn);

Result<int> export_run(const ExportOptions& options, const Console& console);

}  // namespace duct_log
