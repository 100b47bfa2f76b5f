// SPDX-License-Identifier: MIT
#include "log/known_processes.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "log/series.hpp"

namespace duct_log {
namespace {

// Ages are whole seconds, so the start of one process comes out differently in each report.
constexpr double kSameStart = 2.5;

// A report's row is of the process with its pid that began when it did.
Process& process_for(std::unordered_map<std::int64_t, std::vector<Process>>& known, const UsageProcess& row, double start) {
  std::vector<Process>& same_pid = known[row.pid];
  const bool again = row.key.find('#') != std::string::npos;
  for (auto process = same_pid.rbegin(); process != same_pid.rend() && !again; ++process) {
    if (std::abs(process->start_time - start) < kSameStart) return *process;
  }
  Process& process = same_pid.emplace_back();
  process.pid = row.pid;
  process.start_time = start;
  return process;
}

void add(std::unordered_map<std::int64_t, std::vector<Process>>& known, const UsageReport& report) {
  for (const UsageProcess& row : report.processes) {
    const double seen = row.time.value_or(report.time);
    Process& process = process_for(known, row, seen - row.age.value_or(0));
    process.cmd = row.cmd;
    process.end_time = std::max(process.end_time.value_or(seen), seen);
    process.wall_time = std::max(0.0, *process.end_time - process.start_time);
    if (row.rss) process.peak_rss = std::max(process.peak_rss.value_or(0), static_cast<std::int64_t>(std::clamp(*row.rss, 0.0, 9e18)));
    if (const auto cpu = cpu_seconds(row, CpuSource::known)) process.cpu_time = std::max(process.cpu_time.value_or(0), *cpu);
  }
}

}  // namespace

Result<ProcessSource> for_each_known_process(const RunFiles& files, const Warn& warn, const std::function<void(const Process&)>& take) {
  if (!files.processes.empty()) {
    const auto read = for_each_process(files, warn, take);
    if (!read) return read.error();
    return ProcessSource::ledger;
  }
  std::unordered_map<std::int64_t, std::vector<Process>> known;
  const auto read = for_each_report(files, warn, [&](const UsageReport& report) { add(known, report); });
  if (!read) return read.error();
  std::vector<const Process*> ordered;
  for (const auto& [pid, processes] : known) {
    for (const Process& process : processes) ordered.push_back(&process);
  }
  std::sort(ordered.begin(), ordered.end(), [](const Process* a, const Process* b) {
    return std::pair(a->start_time, a->pid) < std::pair(b->start_time, b->pid);
  });
  for (const Process* process : ordered) take(*process);
  return ProcessSource::samples;
}

}  // namespace duct_log
