// SPDX-License-Identifier: MIT
#include "log/export.hpp"

#include "log/line_file.hpp"
#include "log/line_warnings.hpp"
#include "log/output_file.hpp"

namespace duct_log {
namespace {

// The lines of a file as the items of a list. A line that cannot be read is skipped with a warning.
Result<void> write_lines(const std::string& path, const Write& write, const Warn& warn) {
  if (path.empty()) return {};
  LineWarnings warnings(path, warn);
  bool first = true;
  return for_each_line(path, [&](const Line& line) {
    if (!warnings.usable(line)) return;
    const auto json = parse_json(line.text);
    if (!json) return warnings.skip(line, json.error().message);
    write((first ? "\n" : ",\n") + json_text(*json));
    first = false;
  });
}

Result<void> write_run(const ExportOptions& options, const Run& run, const Write& write, const Warn& warn) {
  switch (options.format) {
    case ExportFormat::trace:
      return export_trace(run, write, warn);
    case ExportFormat::csv:
      return export_csv(run, options.rows, write, warn);
    case ExportFormat::json:
      return export_json(run, write, warn);
  }
  return {};
}

}  // namespace

Result<void> export_json(const Run& run, const Write& write, const Warn& warn) {
  write("{\"info\": ");
  if (run.files.info.empty()) {
    write("null");
  } else {
    const auto file = read_file(run.files.info);
    if (!file) return file.error();
    const auto info = parse_json(file->text());
    write(info ? json_text(*info) : "null");  // what is wrong with it has been said where the run was found
  }
  write(",\n\"processes\": [");
  if (const auto read = write_lines(run.files.processes, write, warn); !read) return read.error();
  write("],\n\"reports\": [");
  if (const auto read = write_lines(run.files.usage, write, warn); !read) return read.error();
  write("]}\n");
  return {};
}

Result<int> export_run(const ExportOptions& options, const Console& console) {
  const auto run = load_run(options.run, console.warn);
  if (!run) return run.error();
  if (options.output.empty()) {
    const auto written = write_run(options, *run, console.write, console.warn);
    return written ? Result<int>(kOk) : written.error();
  }
  OutputFile file(options.output);
  if (const auto written = write_run(options, *run, [&](std::string_view text) { file.write(text); }, console.warn); !written) return written.error();
  if (const auto finished = file.finish(); !finished) return finished.error();
  return kOk;
}

}  // namespace duct_log
