// SPDX-License-Identifier: MIT
#include "log/run_set.hpp"

#include "log/known_processes.hpp"
#include "log/process_text.hpp"

namespace duct_log {

std::vector<double> RunSet::values(const RunMetric& metric) const {
  std::vector<double> values;
  for (const Run& run : runs) {
    if (const auto value = metric.of(run.info.summary)) values.push_back(*value);
  }
  return values;
}

Result<RunSet> load_run_set(const std::string& argument, bool with_processes, const Warn& warn) {
  std::vector<RunFiles> found;
  if (argument.empty()) {
    const auto latest = find_run(argument);
    if (!latest) return latest.error();
    found.push_back(*latest);
  } else {
    auto runs = find_runs(argument);
    if (!runs) return runs.error();
    found = std::move(*runs);
  }
  RunSet set;
  set.name = argument.empty() ? found.front().prefix : argument;
  std::size_t with_record = 0;
  for (const RunFiles& files : found) {
    auto run = load_run(files, warn);
    if (!run && found.size() == 1) return run.error();
    if (!run) {
      warn(run.error().message + ", skipped");
      continue;
    }
    set.runs.push_back(std::move(*run));
    if (!with_processes) continue;
    const auto source = for_each_known_process(files, warn, [&](const Process& process) {
      ProgramCount& program = set.programs[program_of(process)];
      ++program.count;
      ++set.processes;
      if (process.cpu_time) program.cpu_time = program.cpu_time.value_or(0) + *process.cpu_time;
    });
    if (!source && source.error().code != ErrorCode::not_found) return source.error();
    if (!source) continue;
    ++with_record;
    set.sampled = set.sampled || *source == ProcessSource::samples;
  }
  if (set.runs.empty()) return Error{ErrorCode::io, argument + ": no run that can be read", {}};
  set.has_processes = with_record > 0;
  for (auto& [name, program] : set.programs) {
    program.count /= static_cast<double>(with_record);
    if (program.cpu_time) *program.cpu_time /= static_cast<double>(with_record);
  }
  if (with_record > 0) set.processes /= static_cast<double>(with_record);
  return set;
}

}  // namespace duct_log
