// SPDX-License-Identifier: MIT
#include "log/program_totals.hpp"

#include <algorithm>

#include "log/process_text.hpp"

namespace duct_log {

void ProgramTable::add(const Process& process) {
  const auto [at, added] = numbers_.try_emplace(program_of(process), programs_.size());
  if (added) programs_.emplace_back().name = at->first;
  ProgramTotals& totals = programs_[at->second];
  ++totals.count;
  if (process.exit_code || process.exit_signal) totals.failed = totals.failed.value_or(0) + (process.failed() ? 1 : 0);
  totals.wall_time += process.wall_time ? *process.wall_time : std::max(process.end_time.value_or(process.start_time) - process.start_time, 0.0);
  if (process.cpu_time) totals.cpu_time = totals.cpu_time.value_or(0) + *process.cpu_time;
  if (process.peak_rss) totals.peak_rss = std::max(totals.peak_rss.value_or(0), *process.peak_rss);
}

std::vector<ProgramTotals> ProgramTable::largest(std::size_t most) const {
  std::vector<ProgramTotals> programs = programs_;
  std::stable_sort(programs.begin(), programs.end(), [](const auto& a, const auto& b) { return a.cpu_time.value_or(0) > b.cpu_time.value_or(0); });
  if (programs.size() > most) programs.resize(most);
  return programs;
}

}  // namespace duct_log
